/**
 * What is no source of the project itself: fetched, built or made by machines. A `.polymniaignore` can take a line back
 * (`!vendor/`), save for the folders of version control.
 */

export const NEVER_READ: ReadonlySet<string> = new Set(['.git', '.hg', '.svn', '.jj', 'CVS']);

export const EXCLUDED_FOLDERS: ReadonlySet<string> = new Set([
  // Fetched by package managers.
  'node_modules',
  'bower_components',
  'jspm_packages',
  'vendor',
  'Pods',
  'Carthage',
  '.yarn',
  '.pnpm-store',
  '.bundle',
  '.cargo',
  '.gradle',
  '.m2',
  'venv',
  '.venv',
  'site-packages',
  '.eggs',
  // Built.
  'dist',
  '.next',
  '.nuxt',
  '.svelte-kit',
  '.output',
  '.parcel-cache',
  '.turbo',
  '.angular',
  '.dart_tool',
  '.terraform',
  '__pycache__',
  // Kept by tools.
  '.cache',
  '.mypy_cache',
  '.pytest_cache',
  '.ruff_cache',
  '.tox',
  '.nox',
  '.nyc_output',
  '.idea',
  '.vs',
]);

export const EXCLUDED_FILES: ReadonlySet<string> = new Set([
  'package-lock.json',
  'npm-shrinkwrap.json',
  'yarn.lock',
  'pnpm-lock.yaml',
  'bun.lock',
  'bun.lockb',
  'deno.lock',
  'composer.lock',
  'Gemfile.lock',
  'Cargo.lock',
  'poetry.lock',
  'Pipfile.lock',
  'pdm.lock',
  'uv.lock',
  'go.sum',
  'go.work.sum',
  'mix.lock',
  'pubspec.lock',
  'Podfile.lock',
  'packages.lock.json',
  'gradle.lockfile',
  'flake.lock',
  '.DS_Store',
  'Thumbs.db',
]);

export const EXCLUDED_ENDINGS: readonly string[] = ['.min.js', '.min.mjs', '.min.css', '.js.map', '.css.map', '.pyc', '.pyo', '.class', '.o', '.obj'];
