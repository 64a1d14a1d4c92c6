// Questions to the server, and the stream of changes.

export class Refused extends Error {}

export async function ask(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const search = given.length ? `?${new URLSearchParams(given)}` : "";
  let response;
  try {
    response = await fetch(`api/${path}${search}`, { credentials: "same-origin" });
  } catch {
    throw new Refused("The dashboard does not answer; it may have been ended.");
  }
  if (!response.ok) throw new Refused((await response.text()).trim().slice(0, 500) || `Error ${response.status}`);
  return response.json();
}

export class Stream {
  constructor(key, onchange, onstate) {
    this.source = new EventSource(`api/runs/${key}/events`);
    this.source.onmessage = (message) => onchange(JSON.parse(message.data));
    this.source.onopen = () => onstate(true);
    this.source.onerror = () => onstate(false);
  }

  close() { this.source.close(); }
}
