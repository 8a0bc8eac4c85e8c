// Light and dark: the system's wish, unless the reader chose otherwise; a classic script in the head, so that it runs before the first paint.
{
  const KEY = "ecompulse-theme";
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;

  const apply = () => {
    document.documentElement.dataset.theme = chosen ?? (dark.matches ? "dark" : "light");
    document.dispatchEvent(new CustomEvent("theme"));
  };

  const choose = () => {
    chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    apply();
    localStorage.setItem(KEY, chosen); // last: where storage is forbidden the choice still holds for this visit
  };

  dark.addEventListener("change", apply);
  document.addEventListener("click", (event) => event.target.closest("[data-theme-toggle]") && choose());
  try {
    chosen = localStorage.getItem(KEY);
  } finally {
    apply();
  }
}
