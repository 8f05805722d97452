import { useEffect, useState } from 'react'

// Notes shows the notes of the user. A 401 means that the session has ended.
export default function Notes({ user, onEnd }) {
  const [notes, setNotes] = useState([])
  const [error, setError] = useState('')

  async function ask(init) {
    const answer = await fetch('/api/notes', init)
    if (answer.status === 401) return onEnd()
    if (!answer.ok) return setError(await answer.text())
    setError('')
    setNotes(await answer.json())
  }

  useEffect(() => { ask() }, [])

  function submit(event) {
    event.preventDefault()
    const form = event.target
    ask({ method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ text: form.note.value }) })
      .then(() => form.reset())
  }

  return (
    <>
      <p>Notes of {user.name}</p>
      <ul>{notes.map((note, i) => <li key={i}>{note}</li>)}</ul>
      <form onSubmit={submit}>
        <label>New note <input name="note" required /></label>
        {error && <p role="alert">{error}</p>}
        <button>Add</button>
      </form>
    </>
  )
}
