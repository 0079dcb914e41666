"use strict";
// One deed to the server, for the live board and the event editor.  Tells a refusal from silence: only the server's own
// word says what has become of a deed.
//
//   told        the server has answered with its sentence: { status, message }
//   refused     it answered without one: nothing was changed
//   signed-out  the session is over: nothing was changed
//   silence     no answer, or none that means anything: the deed may have been done

window.bjzSend = async function (address, token, values) {
    const WAIT_MS = 8000;
    // Who signs in again in another window has another token there.
    const present = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] || token;
    let answer;
    try {
        answer = await fetch(address, { method: "POST", headers: { "X-CSRFToken": present }, body: new URLSearchParams(values), redirect: "manual", signal: AbortSignal.timeout(WAIT_MS) });
    } catch {
        return { kind: "silence" };
    }
    if (answer.type === "opaqueredirect") return { kind: "signed-out" };
    const body = await answer.json().catch(() => null);
    if (typeof body?.message === "string") return { kind: "told", status: answer.status, message: body.message };
    return { kind: answer.status >= 400 && answer.status < 500 ? "refused" : "silence" };
};
