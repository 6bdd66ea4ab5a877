// Makes calls with an npm package's client for the Python scripts beside it: a line of JSON in, a line of JSON out.
//
// Usage: node bridge.js PACKAGE, with the client's setting as JSON in the environment variable CONFORMANCE.

'use strict'

const readline = require('readline')
const setting = JSON.parse(process.env.CONFORMANCE)

const clients = {
  // {action, params, method} -> {answer} or {error}, both the body as it was.
  '@alicloud/pop-core': () => {
    const Core = require('@alicloud/pop-core')
    const client = new Core({
      accessKeyId: setting.accessKeyId,
      accessKeySecret: setting.accessKeySecret,
      endpoint: setting.base,
      apiVersion: '2018-01-20'
    })
    return ({ action, params, method }) =>
      client.request(action, params, { method }).then(
        answer => ({ answer }),
        error => {
          if (!error.data) throw error
          return { error: error.data, name: error.name, status: error.entry.response.statusCode }
        }
      )
  },

  // {path, query, body, method} -> {answer, status}.
  'jdcloud-sdk-js': () => {
    const JDCloud = require('jdcloud-sdk-js/src/lib/node_loader')
    JDCloud.config.logger = () => {}
    const service = new JDCloud.Service('aiapi', {
      credentials: new JDCloud.Credentials({
        accessKeyId: setting.accessKey,
        secretAccessKey: setting.secretKey
      }),
      endpoint: { protocol: setting.scheme, host: setting.host },
      regionId: 'cn-north-1'
    })
    const told = result => {
      const { responseObj, ...answer } = result
      if (!responseObj) throw result
      return { answer, status: responseObj.status }
    }
    return ({ path, query, body, method }) =>
      service.makeRequest(path, method, {}, query, {}, {}, body, ['application/json'], ['application/json'], null).then(told, told)
  },

  // {keys, name, arguments} -> {answer}; without a name, what those keys are exchanged for. {methods: true} -> the names of
  // the client's calls, each with how many arguments it takes. {exchanges: true} -> how often a token was asked for.
  'baidu-aip-sdk': () => {
    const { face: Face, HttpClient } = require('baidu-aip-sdk')
    let exchanges = 0
    HttpClient.setRequestInterceptor(options => {
      const { origin, pathname } = new URL(options.url)
      // The name that Node.js looks for in the certificate is that of this header.
      const headers = { ...options.headers, Host: new URL(setting.base).host }
      if (pathname === '/oauth/2.0/token') exchanges += 1
      return { ...options, headers, url: setting.base + options.url.slice(origin.length) }
    })
    const faces = new Map()
    const clientOf = keys => {
      const name = JSON.stringify(keys)
      if (!faces.has(name)) faces.set(name, new Face(...keys))
      return faces.get(name)
    }
    const exchanged = keys =>
      clientOf(keys).devAuth.getToken().then(
        ({ token, scope }) => ({ access_token: token, scope }),
        ({ error }) => ({ error })
      )
    const methods = () => {
      const names = Object.getOwnPropertyNames(Face.prototype).filter(name => !/^constructor$|Impl$/.test(name))
      return Object.fromEntries(names.map(name => [name, Face.prototype[name].length]))
    }
    return async request => {
      if (request.methods) return { answer: methods() }
      if (request.exchanges) return { answer: exchanges }
      if (!request.name) return { answer: await exchanged(request.keys) }
      return { answer: await clientOf(request.keys)[request.name](...request.arguments) }
    }
  },

  // {identifier, seconds, room} -> {answer}, a user signature.
  'tls-sig-api-v2': () => {
    const { Api } = require('tls-sig-api-v2')
    const api = new Api(setting.sdkappid, setting.key)
    return ({ identifier, seconds, room }) => ({
      answer: room === undefined ? api.genUserSig(identifier, seconds) : api.genPrivateMapKey(identifier, seconds, room, 255)
    })
  }
}

const make = clients[process.argv[2]]
if (!make) throw new Error(`no such package: ${process.argv[2]}`)
const call = make()

async function main () {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await call(JSON.parse(line))) + '\n')
  }
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
