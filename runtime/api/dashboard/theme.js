// Before the first paint, so that a page which was dark yesterday does not flash white today.
{
  const kept = localStorage.getItem("theme");
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
}
