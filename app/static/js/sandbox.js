// data-fill="…": puts an example into the text field of its form.
document.addEventListener('click', event => {
  const chip = event.target.closest('[data-fill]')
  const field = chip?.form?.elements.text
  if (!field) return
  field.value = chip.dataset.fill
  field.focus()
})
