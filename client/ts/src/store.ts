import type { Outgoing } from "./types.js"

/** A message that is not yet acknowledged, as it is kept. */
export interface Stored {
  /** Unique in the store. */
  id: string
  /** Server and user, whose messages are not to be mixed. */
  scope: string
  /** Later ones are sent later. */
  seq: number
  message: Outgoing
}

/** Where messages wait that are not yet acknowledged. What it rejects with is ignored: memory goes on. */
export interface Store {
  load(scope: string): Promise<Stored[]>
  put(item: Stored): Promise<unknown>
  remove(id: string): Promise<unknown>
}
