// The widget of the form, for sites of bodies: a button that opens the form in a dialog.
// <script src="https://…/forms/{key}/widget.js" data-text="Сообщить о проблеме" async></script>
// data-text is the button's label; with data-corner the button floats in the lower right corner of the window.
// Styles are set from the script, so the policy of the site around needs to allow the script and the frame only.
(() => {
  const script = document.currentScript
  const address = new URL(script.src)
  const formUrl = address.origin + address.pathname.replace(/\/widget\.js$/, '')
  const title = script.dataset.text || 'Сообщить о проблеме'
  const style = (element, rules) => {
    for (const [name, value] of Object.entries(rules)) element.style.setProperty(name, value)
    return element
  }
  const focusRing = element => {
    element.addEventListener('focus', () => element.style.setProperty('outline', '3px solid #ffb300'))
    element.addEventListener('blur', () => element.style.removeProperty('outline'))
  }

  const button = style(document.createElement('button'), {
    all: 'revert', 'min-height': '44px', padding: '0 20px', border: '0', 'border-radius': '8px', cursor: 'pointer',
    background: '#1b4db3', color: '#fff', font: '600 16px/1.2 system-ui, sans-serif', 'outline-offset': '2px',
  })
  button.type = 'button'
  button.textContent = title
  button.setAttribute('aria-haspopup', 'dialog')
  focusRing(button)
  if ('corner' in script.dataset) {
    style(button, { position: 'fixed', right: '16px', bottom: '16px', 'z-index': '2147483000', 'box-shadow': '0 4px 16px #0006' })
  }

  const dialog = style(document.createElement('dialog'), {
    width: 'min(680px, 100vw)', height: 'min(900px, 100dvh)', 'max-width': '100vw', 'max-height': '100dvh',
    padding: '0', border: '0', 'border-radius': '12px', overflow: 'hidden', background: '#fff',
  })
  dialog.setAttribute('aria-label', title)
  const close = style(document.createElement('button'), {
    all: 'revert', position: 'absolute', top: '8px', right: '8px', width: '44px', height: '44px', border: '0',
    'border-radius': '8px', background: '#14294d', color: '#fff', font: '24px/1 system-ui, sans-serif', cursor: 'pointer',
  })
  close.type = 'button'
  close.textContent = '×'
  close.setAttribute('aria-label', 'Закрыть')
  focusRing(close)
  const frame = style(document.createElement('iframe'), { width: '100%', height: '100%', border: '0', display: 'block' })
  frame.title = title
  frame.allow = 'geolocation'
  dialog.append(close, frame)

  button.addEventListener('click', () => {
    if (!frame.src) frame.src = formUrl // not before somebody wants it
    dialog.showModal()
  })
  close.addEventListener('click', () => dialog.close())
  dialog.addEventListener('close', () => button.focus())
  addEventListener('message', event => {
    const isOurs = event.origin === address.origin && event.source === frame.contentWindow
    if (isOurs && event.data === 'appeals-form-close') dialog.close()
  })
  const insert = () => {
    script.after(button)
    document.body.append(dialog)
  }
  if (document.body) insert()
  else addEventListener('DOMContentLoaded', insert)
})()
