import { pieces } from "./colors.js"

// A worker, so that a text that takes long holds up nobody: the page ends it then (web/shared/code.ts).

declare const self: DedicatedWorkerGlobalScope

self.onmessage = ({ data: { code, language } }: MessageEvent<{ code: string; language: string }>) => self.postMessage(pieces(code, language))
self.postMessage(undefined) // it can be asked now
