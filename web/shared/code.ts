import { h } from "./dom.js"

/** How long the worker may take for one text, in milliseconds: others write it, and no rule of a language is safe from every text. */
const patience = 1_000
/** How many texts are remembered with their colors, for when they are shown again. */
const most = 100

interface Job { readonly code: string; readonly language: string; readonly nodes: HTMLElement[] }

const known = new Map<string, string[]>()
const jobs = new Map<string, Job>() // the first is under way when there is a worker
let worker: Worker | undefined
let late: ReturnType<typeof setTimeout> | undefined

/** Gives the code that a node shows its colors, now or when the worker has found them. Its letters stay where they are. */
export function color(node: HTMLElement, code: string, language: string): void {
  const id = `${language}\n${code}`
  const pieces = known.get(id)
  if (pieces) return paint(node, pieces)
  const job = jobs.get(id)
  if (job) return void job.nodes.push(node)
  jobs.set(id, { code, language, nodes: [node] })
  if (!worker) begin()
  else if (jobs.size === 1) next()
}

/** Loads the worker, which says when it can be asked. */
function begin(): void {
  const own = worker = new Worker("/code.js")
  own.onmessage = ({ data }: MessageEvent<string[] | undefined>) => {
    if (data) done(data)
    next()
  }
  own.onerror = () => { // it could not be loaded: the code stays as it is
    end()
    jobs.clear()
  }
}

function end(): void {
  if (worker) worker.onmessage = null // one that is on its way is too late
  worker?.terminate()
  worker = undefined
  clearTimeout(late)
}

function next(): void {
  const [job] = jobs.values()
  if (!job || !worker) return
  late = setTimeout(() => {
    end()
    done([])
    if (jobs.size) begin()
  }, patience)
  worker.postMessage({ code: job.code, language: job.language })
}

function done(pieces: string[]): void {
  clearTimeout(late)
  const [id, job] = jobs.entries().next().value!
  jobs.delete(id)
  known.set(id, pieces)
  if (known.size > most) known.delete(known.keys().next().value!)
  for (const node of job.nodes) paint(node, pieces)
}

function paint(node: HTMLElement, pieces: string[]): void {
  const nodes: (HTMLElement | string)[] = []
  for (let i = 0; i < pieces.length; i += 2) nodes.push(pieces[i + 1] ? h("span", { class: `c-${pieces[i + 1]}` }, pieces[i]) : pieces[i]!)
  if (nodes.length) node.replaceChildren(...nodes)
}
