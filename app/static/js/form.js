// The form for citizens. Everything here is a convenience: without this script the form works as well.

const MOST_BYTES = 20 * 1024 * 1024 - 64 * 1024 // what the server takes, less the other fields
const LOCATE_MS = 15000

const form = document.querySelector('[data-form]')
if (form) {
  prepareSending(form)
  if ('geolocation' in navigator) prepareLocating(form)
}
for (const button of document.querySelectorAll('[data-copy]')) prepareCopying(button)
if (window.parent !== window) {
  document.body.classList.add('sheet--framed')
  // The dialog around us belongs to another site and cannot hear our keys.
  addEventListener('keydown', event => {
    if (event.key === 'Escape') window.parent.postMessage('appeals-form-close', '*')
  })
}

function prepareSending(form) {
  const photos = form.elements.photos
  const warning = form.querySelector('[data-too-large]')
  const send = form.querySelector('[data-send]')
  const isTooLarge = () => [...photos.files].reduce((size, file) => size + file.size, 0) > MOST_BYTES
  const warn = () => {
    warning.hidden = !isTooLarge()
    return !warning.hidden
  }
  photos.addEventListener('change', warn)
  form.addEventListener('submit', event => {
    if (warn()) {
      event.preventDefault()
      photos.focus()
      return
    }
    send.setAttribute('aria-disabled', 'true')
    send.lastChild.textContent = 'Отправляем…'
  })
  form.addEventListener('click', event => {
    if (event.target.closest('[aria-disabled]')) event.preventDefault()
  })
  addEventListener('pageshow', () => {
    send.removeAttribute('aria-disabled')
    send.lastChild.textContent = 'Отправить'
  })
}

function prepareLocating(form) {
  const { latitude, longitude } = form.elements
  const button = form.querySelector('[data-locate]')
  const show = (text, point = ['', '']) => {
    ;[latitude.value, longitude.value] = point
    form.querySelector('[data-located]').textContent = text
    button.lastChild.textContent = point[0] ? 'Убрать моё место' : 'Добавить моё место'
  }
  form.querySelector('[data-place]').hidden = false
  if (latitude.value) show('Место добавлено', [latitude.value, longitude.value])
  button.addEventListener('click', () => {
    if (latitude.value) {
      show('Место убрано')
      return
    }
    show('Определяем место…')
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => show('Место добавлено', [coords.latitude.toFixed(6), coords.longitude.toFixed(6)]),
      () => show('Место определить не удалось, напишите адрес'),
      { enableHighAccuracy: true, timeout: LOCATE_MS }
    )
  })
}

function prepareCopying(button) {
  const field = document.getElementById(button.dataset.copy)
  button.hidden = false
  button.addEventListener('click', async () => {
    field.select()
    try {
      await navigator.clipboard.writeText(field.value)
    } catch {
      document.execCommand('copy') // a frame may have no right to the clipboard
    }
    button.querySelector('[data-copied]').textContent = 'Скопировано'
  })
}
