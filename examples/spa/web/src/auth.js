// call asks the API of authentication. The cookie of the session travels by itself.
async function call(method, path, body) {
  const answer = await fetch('/v1/auth' + path, {
    method,
    headers: { 'Content-Type': 'application/json', 'X-Session-Mode': 'cookie' },
    body: body && JSON.stringify(body),
  })
  const data = await answer.json()
  if (!answer.ok) throw Object.assign(new Error(data.error.message), { status: answer.status, ...data.error })
  return data
}

export const signUp = (email, password, name) => call('POST', '/email/signup', { email, password, name })
export const signIn = (email, password) => call('POST', '/email/signin', { email, password })
export const verifyCode = (mfaToken, code) => call('POST', '/mfa/verify', { mfaToken, code })
export const signOut = () => call('POST', '/signout')

// me returns the user, or null if nobody is signed in.
export const me = () => call('GET', '/me').catch((error) => {
  if (error.status === 401) return null
  throw error
})
