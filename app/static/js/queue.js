// The queue and the card: live changes, the answer's counter, dialogs. Delegated from the document like app.js.
//
//   data-changes        the element that the stream of changes speaks to
//   data-fresh="1,2"    appeals that belong to the list and are not shown yet
//   data-limit          a text field whose length is counted in [data-count] of its form
//   data-filter="id"    typing hides the choices in #id that do not hold the words, and groups of which none is left
//   data-draft="id"     puts the words of #id into the answer being written, which is kept but not sent
//   data-close          closes the dialog around it

const CHANGES_PAUSE_MS = 1000
const MOST_CHANGES = 400
const isNarrow = () => matchMedia('(max-width: 760px)').matches
const card = () => document.getElementById('appeal')

/* live: gather ids for a second, then ask once what became of them */
const changed = new Set()
let asking
function remember(ids) {
  ids.forEach(id => changed.add(id))
  asking ??= setTimeout(ask, CHANGES_PAUSE_MS)
}
async function ask() {
  asking = undefined
  const ids = [...changed].slice(0, MOST_CHANGES)
  changed.clear()
  if (ids.includes(Number(card()?.dataset.appeal))) refreshCard()
  const fresh = document.getElementById('fresh')
  if (!fresh) return
  const known = fresh.dataset.fresh ? fresh.dataset.fresh.split(',').map(Number) : []
  const query = new URLSearchParams(location.search)
  query.set('ids', [...new Set([...known, ...ids])].join())
  query.set('shown', ids.filter(id => document.getElementById(`row-${id}`)).join())
  await htmx.ajax('GET', `/queue/changes?${query}`, { target: fresh, swap: 'none' })
}

/* the card as it is now, without disturbing what is typed, opened, scrolled or under way */
let isStale = false
let isAsking = false
let acting = 0 // requests that the card itself has made and that will bring it anew
const isBusy = () => acting > 0 || Boolean(card()?.querySelector('dialog[open]'))
async function refreshCard() {
  isStale = true
  if (isAsking) return // one at a time, or an older card could come after a newer one
  isAsking = true
  try {
    while (isStale && !isBusy()) {
      isStale = false
      await askForCard()
    }
  } finally { isAsking = false }
}
async function askForCard() {
  const old = card()
  if (!old?.dataset.appeal) return
  const headers = { 'HX-Request': 'true', 'HX-Current-URL': location.href }
  const answer = await fetch(`/appeals/${old.dataset.appeal}?keep=true`, { headers })
  const html = await answer.text()
  if (!answer.ok) return
  if (card() !== old || isBusy()) isStale = true // somebody was quicker: perhaps with less news
  else if (answer.headers.get('X-Appeal-Version') !== old.dataset.version) replace(old, html)
}
function replace(old, html) {
  const places = ['.thread', '.appeal__side', '.appeal__body'].map(name => [name, old.querySelector(name)?.scrollTop])
  const open = [...old.querySelectorAll('details')].map(details => details.open)
  htmx.swap('#appeal', html, { swapStyle: 'outerHTML', swapDelay: 0, settleDelay: 0 })
  const details = [...card().querySelectorAll('details')]
  if (details.length === open.length) details.forEach((one, index) => { one.open = open[index] })
  places.forEach(([name, top]) => { if (top) card().querySelector(name).scrollTop = top })
}

/* the answer */
function count(field) {
  const shown = field.form?.querySelector('[data-count]')
  if (!shown) return
  shown.textContent = field.value.length.toLocaleString('ru')
  const parts = Math.ceil(field.value.trim().length / Number(field.dataset.limit))
  field.form.querySelector('[data-parts]').textContent = parts > 1 ? `, частей: ${parts}` : ''
}
function filter(field) {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean)
  const choices = document.getElementById(field.dataset.filter)
  for (const choice of choices.querySelectorAll('.choices__item')) {
    const text = choice.textContent.toLowerCase()
    choice.hidden = !words.every(word => text.includes(word))
  }
  for (const group of choices.querySelectorAll('[role="group"]')) {
    group.hidden = !group.querySelector('.choices__item:not([hidden])')
  }
}

function draft(words) {
  const field = card()?.querySelector('.answer__text')
  if (!field) return
  field.value = [field.value.trim(), words].filter(Boolean).join('\n\n')
  field.dispatchEvent(new Event('input', { bubbles: true }))
  field.focus()
}

document.addEventListener('htmx:sseBeforeMessage', event => {
  if (!event.target.closest('[data-changes]')) return
  event.preventDefault()
  remember(JSON.parse(event.detail.data).ids)
})
document.addEventListener('appeal-changed', refreshCard)
document.addEventListener('close', () => isStale && refreshCard(), true)
document.addEventListener('htmx:beforeSend', ({ detail: { requestConfig, target, xhr } }) => {
  if (requestConfig.verb === 'get' || target?.id !== 'appeal') return
  acting += 1
  xhr.addEventListener('loadend', () => {
    acting -= 1
    if (isStale) refreshCard()
  })
})
document.addEventListener('input', event => {
  if (event.target.matches('[data-limit]')) count(event.target)
  if (event.target.matches('[data-filter]')) filter(event.target)
})
document.addEventListener('click', event => {
  const source = event.target.closest('[data-draft]')
  if (source) draft(document.getElementById(source.dataset.draft).textContent)
  if (event.target.closest('[data-close]')) event.target.closest('dialog').close()
  const opener = event.target.closest('dialog [data-dialog]')
  if (opener) opener.closest('dialog').close()
})
// On a phone the card is a page of its own: the link is followed, not loaded into a pane that is not there.
document.addEventListener('click', event => {
  if (isNarrow() && event.target.closest('.row__link')) event.stopImmediatePropagation()
}, true)
// Whoever walks on quickly gets the card of the row they stopped at, in whatever order the answers come.
document.addEventListener('htmx:beforeSwap', event => {
  const { requestConfig, target } = event.detail
  const row = target.id === 'appeal' && requestConfig.elt.closest('[data-row]')
  const current = document.querySelector('[data-row][aria-current]')
  if (row && current && row.dataset.row !== current.dataset.row) event.detail.shouldSwap = false
})
// A stream that was lost may have missed changes: once it is back, ask for everything that is shown.
let wasLost = false
document.addEventListener('htmx:sseError', () => { wasLost = true })
document.addEventListener('htmx:sseOpen', () => {
  if (!wasLost) return
  wasLost = false
  remember([...document.querySelectorAll('[data-row]')].map(row => Number(row.dataset.row)))
  remember([Number(card()?.dataset.appeal)].filter(Boolean))
})
// What was just done stands at the end of the conversation.
document.addEventListener('htmx:afterSwap', event => {
  const thread = card()?.querySelector('.thread')
  if (thread && event.detail.target?.id === 'appeal' && event.detail.requestConfig?.verb === 'post') thread.scrollTop = thread.scrollHeight
})
