import { useEffect, useState } from 'react'
import { me } from './auth.js'

// useUser returns undefined until it is known who is signed in, then a user or null.
export function useUser() {
  const [user, setUser] = useState(undefined)
  useEffect(() => {
    let shown = true
    me().then((found) => shown && setUser(found))
    return () => { shown = false }
  }, [])
  return [user, setUser]
}
