// The threshold on the page of quality: moves the mark on the line and says what it means. The server has said all of it.

const slider = document.getElementById('threshold')
const points = slider ? JSON.parse(slider.dataset.points) : []

slider?.addEventListener('input', () => {
  const { text, x, y } = points[Number(slider.value)]
  document.getElementById('threshold-says').textContent = text
  slider.setAttribute('aria-valuetext', text)
  const dot = document.getElementById('trust-dot')
  const line = document.getElementById('trust-line')
  dot.setAttribute('r', x === null ? 0 : 6)
  line.toggleAttribute('hidden', x === null)
  if (x === null) return
  dot.setAttribute('cx', x)
  dot.setAttribute('cy', y)
  line.setAttribute('x1', x)
  line.setAttribute('x2', x)
  line.setAttribute('y1', y)
})
