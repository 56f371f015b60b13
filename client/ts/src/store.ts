/** A message that waits to be sent, as it is kept. */
export interface Stored {
  /** Unique in the store. */
  id: string
  /** Server and user, whose messages are not to be mixed. */
  scope: string
  /** Later ones are sent later. */
  seq: number
  channel: string
  key: string
  text?: string
  data?: Record<string, unknown>
  thread?: number
  error?: { code: string; message: string }
}

/** Where messages wait that are not yet acknowledged. What it rejects with is ignored: memory goes on. */
export interface Store {
  load(scope: string): Promise<Stored[]>
  put(item: Stored): Promise<unknown>
  remove(id: string): Promise<unknown>
}
