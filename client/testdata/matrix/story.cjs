// What each row of the matrix does with the client it was given, over each transport that its runtime has:
// subscribe, publish, close, and resume from the position that was kept. Prints the transport of each connection.
module.exports = async ({ Client, ParleyError }, { join, members }, url, env) => {
  for (const transport of env ? ['websocket', 'sse'] : ['sse', 'long-poll']) {
    const name = `story:${process.pid}:${transport}:${!!env}`
    const open = () => new Client(url, { user: 'alice', transports: [transport], env })
    const heard = []
    const first = open()
    const room = first.channel(name, { after: 0 })
    const one = new Promise(resolve => room.subscribe(m => { heard.push(m.text); resolve() }))
    await room.publish({ text: 'one' })
    await one
    const kept = JSON.stringify(room.position)
    console.log(first.state.transport)
    first.close()

    const second = open()
    await second.channel(name).publish({ text: 'two' }) // no one listens
    const two = new Promise(resolve => second.channel(name).subscribe(m => { heard.push(m.text); resolve() }, JSON.parse(kept)))
    await two
    await join(second, name)
    const users = []
    for await (const m of members(second, name)) users.push(m.user)
    const refused = await second.request('GET', '/api/nothing').catch(e => e)
    if (`${heard} ${users} ${refused instanceof ParleyError} ${refused.code}` !== 'one,two alice true not_found') throw new Error(`${heard} ${users} ${refused}`)
    second.close()
  }
}
