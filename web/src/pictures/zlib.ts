// The browser's own zlib, off the main thread.

/** What `parts` hold together, which must be exactly `size` bytes: a file that swells is stopped there. */
export async function inflate(parts: readonly Uint8Array[], size: number): Promise<Uint8Array> {
  const result = new Uint8Array(size);
  const reader = pipe(parts, new DecompressionStream("deflate")).getReader();
  let at = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw new Error(`damaged compressed data after ${at} bytes`);
    });
    if (done) break;
    if (value.length > size - at) {
      void reader.cancel().catch(() => undefined);
      throw new Error(`compressed data holds more than the ${size} bytes expected`);
    }
    result.set(value, at);
    at += value.length;
  }
  if (at !== size) throw new Error(`compressed data holds ${at} bytes; expected ${size}`);
  return result;
}

export async function deflate(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = pipe([bytes], new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function pipe(parts: readonly Uint8Array[], through: GenericTransformStream): ReadableStream<Uint8Array<ArrayBuffer>> {
  const waiting = [...parts];
  const source = new ReadableStream<Uint8Array>({
    pull(controller) {
      const part = waiting.shift();
      if (part) controller.enqueue(part);
      else controller.close();
    },
  });
  return source.pipeThrough(through as ReadableWritablePair<Uint8Array<ArrayBuffer>, Uint8Array>);
}
