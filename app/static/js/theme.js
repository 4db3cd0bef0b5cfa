// Loaded before the page is drawn, so that a remembered theme or density never flashes.
for (const name of ['theme', 'density']) {
  const value = localStorage.getItem(name)
  if (value) document.documentElement.dataset[name] = value
}
