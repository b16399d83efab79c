// What streamed answers say so far: an event has one piece only, and GraphiQL shows it in place of the one before.

const REMEMBERED = 64; // messages
const SHOWN = 1000; // characters: the newest stay in sight

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** For the results of one subscription: gives each of them, once an answer grows, its text so far as an extension. */
export function createGrowth() {
  const texts = new Map(); // by the message's id
  let growing; // the id of the message that grew last

  function note(event) {
    const message = event?.message;
    switch (event?.__typename) {
      case "MessageAdded":
        growing = undefined;
        remember(message?.id, message?.content);
        break;
      case "MessageDelta":
        growing = event.messageId;
        remember(growing, grown(texts.get(growing), event));
        break;
      case "MessageChanged":
        if (texts.has(message?.id)) remember(message.id, message.content ?? texts.get(message.id));
        break;
      case "AccessRevoked":
      case "ResyncRequired":
        texts.clear();
    }
  }

  function remember(id, text) {
    texts.delete(id);
    if (id && text !== undefined) texts.set(id, text);
    if (texts.size > REMEMBERED) texts.delete(texts.keys().next().value);
  }

  return (result) => {
    Object.values(result.data ?? {}).forEach(note);
    const text = texts.get(growing);
    if (text === undefined) return result;
    return { ...result, extensions: { ...result.extensions, textSoFar: newest(text) } };
  };
}

/** `offset` counts bytes of UTF-8: what was before it stands. Nothing, if that isn't known. */
function grown(before = "", { offset, text }) {
  const kept = encoder.encode(before).slice(0, offset);
  return kept.length === offset && text !== undefined ? decoder.decode(kept) + text : undefined;
}

function newest(text) {
  return text.length > SHOWN ? `… ${text.slice(-SHOWN)}` : text;
}
