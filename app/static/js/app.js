// The one script of our own. Everything is delegated from the document, so swapped content needs no set-up.
//
// What templates can use:
//   data-key="KeyE" | "Shift+KeyR" | "Digit1"   the key clicks the element, or puts the cursor into a text field
//   data-rows > data-row                        J and K move; Enter opens; X selects. data-autoload: moving opens the card
//   data-dialog="id"                            opens a dialog
//   data-theme-toggle, data-density-toggle      remembered in localStorage
//   data-live                                   the mark of the live connection, shown while a page has one
//   data-submit                                 a change of this field sends its form
// From the server: header HX-Trigger {"toast": "…"} or {"alarms": [{key, href, text}]}; an error in text/plain is shown as a toast and swaps nothing.

const root = document.documentElement
const AUTOLOAD_PAUSE_MS = 140
const TOAST_MS = 8000
const CHORD_MS = 1500

/* theme and density */
const remember = (name, value) => {
  root.dataset[name] = value
  localStorage.setItem(name, value)
}
const isDark = () =>
  root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches
const toggleTheme = () => remember('theme', isDark() ? 'light' : 'dark')
const toggleDensity = () => remember('density', root.dataset.density === 'comfortable' ? 'dense' : 'comfortable')

/* toasts */
function toast(text) {
  const box = document.getElementById('toasts')
  if (!box || !text) return
  const item = document.createElement('p')
  item.className = 'toast toast--stacked'
  item.textContent = text
  box.append(item)
  setTimeout(() => item.remove(), TOAST_MS)
}

/* alarms: said once in each window, until somebody closes them or goes there */
const ALARMS_KEPT = 50
function sayAlarms(alarms) {
  const told = JSON.parse(sessionStorage.getItem('alarms') ?? '[]')
  for (const { key, href, text } of alarms.filter(alarm => !told.includes(alarm.key))) {
    told.push(key)
    const item = document.createElement('p')
    item.className = 'toast toast--stacked toast--alarm'
    item.setAttribute('role', 'alert')
    const link = Object.assign(document.createElement('a'), { href, textContent: text })
    const close = Object.assign(document.createElement('button'), { type: 'button', className: 'btn btn--s', textContent: 'Понятно' })
    close.addEventListener('click', () => item.remove())
    item.append(link, close)
    document.getElementById('toasts')?.append(item)
  }
  sessionStorage.setItem('alarms', JSON.stringify(told.slice(-ALARMS_KEPT)))
}

/* rows */
const rows = () => [...document.querySelectorAll('[data-rows] [data-row]')]
const currentRow = () => document.querySelector('[data-rows] [data-row][aria-current]')
const rowLink = row => row?.querySelector('.row__link')
let autoload
function selectRow(row) {
  currentRow()?.removeAttribute('aria-current')
  row.setAttribute('aria-current', 'true')
  row.scrollIntoView({ block: 'nearest' })
}
function move(step) {
  const all = rows()
  const at = all.indexOf(currentRow())
  const next = all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + step))]
  if (!next || next === all[at]) return
  selectRow(next)
  clearTimeout(autoload)
  const isWide = matchMedia('(min-width: 761px)').matches
  if (next.closest('[data-autoload]') && isWide) autoload = setTimeout(() => rowLink(next)?.click(), AUTOLOAD_PAUSE_MS)
}

/* keys, by event.code: J is J on the Cyrillic layout as well */
const isTyping = target => target.matches('input:not([type=checkbox]):not([type=radio]), textarea, select')
const isControl = target => target.matches('a, button, summary, input, [tabindex="0"]')
const nameOf = event =>
  (event.ctrlKey || event.metaKey ? 'Ctrl+' : '') + (event.shiftKey ? 'Shift+' : '') + event.code.replace('Numpad', 'Digit')
let chordUntil = 0

const COMMANDS = {
  KeyJ: () => move(1),
  KeyK: () => move(-1),
  KeyX: () => currentRow()?.querySelector('input[type=checkbox]')?.click(),
  KeyG: () => { chordUntil = Date.now() + CHORD_MS },
  'Shift+Slash': () => document.getElementById('keys')?.showModal(),
}

function use(element) {
  if (isTyping(element)) element.focus()
  else element.click()
}
function openTab(number) {
  chordUntil = 0
  document.querySelectorAll('.bar .tab')[number - 1]?.click()
}
function onKey(event) {
  const key = nameOf(event)
  if (key === 'Ctrl+Enter' && event.target.form) {
    event.preventDefault()
    return event.target.form.requestSubmit()
  }
  if (key === 'Escape' && isTyping(event.target)) return event.target.blur()
  if (event.altKey || event.ctrlKey || event.metaKey || isTyping(event.target) || document.querySelector('dialog[open]')) return
  const digit = key.match(/^Digit(\d)$/)
  if (digit && Date.now() < chordUntil) return openTab(Number(digit[1]))
  if (key === 'Enter') return isControl(event.target) || rowLink(currentRow())?.click()
  const bound = [...document.querySelectorAll(`[data-key="${key}"]`)].find(element => element.checkVisibility())
  if (!bound && !COMMANDS[key]) return
  event.preventDefault()
  if (bound) use(bound)
  else COMMANDS[key]()
}

/* the live connection */
function showLive(isOpen) {
  const mark = document.querySelector('[data-live]')
  if (!mark) return
  mark.hidden = false
  mark.classList.toggle('live--lost', !isOpen)
  mark.firstElementChild.textContent = isOpen ? 'На связи' : 'Связь потеряна'
}

document.addEventListener('click', event => {
  const button = event.target.closest('[data-theme-toggle], [data-density-toggle], [data-dialog]')
  if (button?.matches('[data-theme-toggle]')) toggleTheme()
  else if (button?.matches('[data-density-toggle]')) toggleDensity()
  else if (button) document.getElementById(button.dataset.dialog)?.showModal()
  const row = event.target.closest('[data-rows] [data-row]')
  if (row && event.target.closest('.row__link')) selectRow(row)
})
document.addEventListener('change', event => {
  if (event.target.matches('[data-submit]')) event.target.form?.requestSubmit()
})
document.addEventListener('keydown', onKey)
document.addEventListener('alarms', event => sayAlarms(event.detail.value))
document.addEventListener('toast', event => toast(event.detail.value))
document.addEventListener('htmx:sseOpen', () => showLive(true))
document.addEventListener('htmx:sseError', () => showLive(false))
document.addEventListener('htmx:sendError', () => toast('Нет связи с сервером. Ничего не отправлено, попробуйте ещё раз'))
document.addEventListener('htmx:beforeSwap', event => {
  const { xhr } = event.detail
  if (xhr.status < 400 || !xhr.getResponseHeader('Content-Type')?.startsWith('text/plain')) return
  event.detail.shouldSwap = false
  toast(xhr.responseText)
})
document.querySelector('.tab[aria-current]')?.scrollIntoView({ inline: 'center', block: 'nearest' })
