import { external, type Resolver, toFile, UNRESOLVED } from './resolution.ts';

const ENDINGS = ['java', 'kt', 'scala', 'groovy'];
/** A class may be named with what is in it: a nested class, a static member. */
const INNER = 2;

/** `a.b.C` is a file `a/b/C.java` (or of another JVM language) below any source folder, the nearest first. */
export const resolveJvm: Resolver = ({ index }, from, target) => {
  const steps = target.split('.').filter((step) => /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(step));
  for (let length = steps.length; length >= Math.max(1, steps.length - INNER); length -= 1) {
    const path = steps.slice(0, length).join('/');
    const files = ENDINGS.flatMap((ending) => index.endingWith(`${path}.${ending}`));
    if (files.length > 0) return toFile(index.nearest(files, from) ?? files[0]) ?? UNRESOLVED;
  }
  return external(steps.slice(0, 2).join('.'));
};
