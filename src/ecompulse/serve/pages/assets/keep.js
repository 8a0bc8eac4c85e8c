// What this browser keeps for the reader; where storage is forbidden it is kept for the visit only.

const visit = new Map();

export function recall(key) {
  try {
    return visit.get(key) ?? localStorage.getItem(key);
  } catch {
    return null; // forbidden, and nothing kept in this visit
  }
}

export function keep(key, text) {
  try {
    localStorage.setItem(key, text);
  } catch {
    visit.set(key, text); // forbidden or full
  }
}
