/** The rule for "snapshot beside stream" (client/ts/src/views.ts), which the hooks use too. The client itself is "/parley.js". */
export * from "../../client/ts/src/views.js"
