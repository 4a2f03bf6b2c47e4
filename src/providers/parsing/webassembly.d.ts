/** The little of WebAssembly that is used here. TypeScript keeps its declarations in `dom`, which a server has no use for. */
declare namespace WebAssembly {
  interface Memory {
    readonly buffer: ArrayBuffer;
    /** In pages of 64 KB. */
    grow(pages: number): number;
  }
  const Memory: new (limits: { readonly initial: number; readonly maximum: number }) => Memory;

  interface Module {
    readonly [Symbol.toStringTag]: string;
  }
  const Module: new (bytes: Uint8Array<ArrayBuffer>) => Module;
}
