// SPDX-License-Identifier: Apache-2.0
//
// Reads a V8 heap snapshot with the code of Chrome DevTools' Memory panel and prints its nodes as
// JSON. usage: node read_snapshot.mjs FOLDER_OF_heap-snapshot-toolkit FILE
import fs from 'node:fs'
import { pathToFileURL } from 'node:url'

const [folder, file] = process.argv.slice(2)
const { parse } = await import(pathToFileURL(`${folder}/index.js`))
const snapshot = await parse(fs.createReadStream(file, { encoding: 'utf8' }))
const nodes = []
const node = snapshot.createNode(0)
const fields = snapshot.nodeFieldCount
for (let i = 0; i < snapshot.nodeCount; ++i) {
  node.nodeIndex = i * fields
  const edges = []
  for (let edge = node.edges(); edge.hasNext(); edge.next()) {
    edges.push([edge.edge.type(), edge.edge.name(), edge.edge.nodeIndex() / fields])
  }
  nodes.push({
    type: node.type(),
    name: node.name(),
    class: node.className(),
    size: node.selfSize(),
    retained: node.retainedSize(),
    distance: node.distance(),
    edges
  })
}
fs.writeSync(1, JSON.stringify({ nodes, total: snapshot.totalSize }))
process.exit(0)
