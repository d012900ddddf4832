/** Like Promise.all, but it fails only when nothing is going on any more that a clean-up could miss. */
export async function allOf<Values extends readonly unknown[]>(promises: {
  readonly [At in keyof Values]: Promise<Values[At]>
}): Promise<Values> {
  await Promise.allSettled(promises)
  return await Promise.all(promises)
}
