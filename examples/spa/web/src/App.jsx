import { signOut } from './auth.js'
import { useUser } from './useUser.js'
import Notes from './Notes.jsx'
import SignIn from './SignIn.jsx'

export default function App() {
  const [user, setUser] = useUser()
  if (user === undefined) return null
  return (
    <main>
      <header>
        <h1>Notes</h1>
        {user && <button onClick={() => signOut().then(() => setUser(null))}>Sign out</button>}
      </header>
      {user ? <Notes user={user} onEnd={() => setUser(null)} /> : <SignIn onUser={setUser} />}
    </main>
  )
}
