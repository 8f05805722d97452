import { useState } from 'react'
import { me, signIn, signUp, verifyCode } from './auth.js'

// SignIn asks for what the API asks for: first the address and the password, then, of
// an account with a second factor, the code.
export default function SignIn({ onUser }) {
  const [isNew, setNew] = useState(false)
  const [mfaToken, setToken] = useState('')
  const [error, setError] = useState('')

  async function submit(event) {
    event.preventDefault()
    const form = Object.fromEntries(new FormData(event.target))
    setError('')
    try {
      if (mfaToken) await verifyCode(mfaToken, form.code)
      else if (isNew) await signUp(form.email, form.password, form.name)
      else await signIn(form.email, form.password)
      onUser(await me())
    } catch (e) {
      if (e.code === 'auth/mfa-required') setToken(e.details.mfaToken)
      else {
        if (mfaToken && e.code === 'auth/invalid-token') setToken('') // too late: from the beginning
        setError(e.message)
      }
    }
  }

  return (
    <form onSubmit={submit}>
      {mfaToken ? (
        <label>Code <input name="code" autoComplete="one-time-code" inputMode="numeric" required autoFocus /></label>
      ) : (
        <>
          {isNew && <label>Name <input name="name" autoComplete="name" required /></label>}
          <label>E-mail <input name="email" type="email" autoComplete="username" required /></label>
          <label>Password <input name="password" type="password" autoComplete={isNew ? 'new-password' : 'current-password'} required /></label>
        </>
      )}
      {error && <p role="alert">{error}</p>}
      <button>{mfaToken ? 'Continue' : isNew ? 'Sign up' : 'Sign in'}</button>
      {!mfaToken && (
        <button type="button" className="quiet" onClick={() => { setNew(!isNew); setError('') }}>
          {isNew ? 'I have an account' : 'I am new here'}
        </button>
      )}
    </form>
  )
}
