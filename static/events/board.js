"use strict";
// The live board: asks for the card every few seconds, sends one deed at a time, keeps what is being typed.

(function () {
    const board = document.querySelector("[data-board]");
    if (!board) return;
    const EVERY = 4000;
    const holder = board.querySelector("[data-bouts]");
    const told = board.querySelector("[data-told]");
    const lost = board.querySelector("[data-lost-line]");
    const token = board.querySelector("[name=csrfmiddlewaretoken]").value;
    const words = board.dataset;
    let busy = false;
    // Somebody is writing with an input method: exchanging the field would break the word off.
    let composing = false;
    // The bout that we ourselves have just changed: its new state is no conflict.
    let own = null;
    let isLost = false;

    function tell(message, bad) {
        told.textContent = message;
        told.hidden = !message;
        told.classList.toggle("bjz-board-bad", Boolean(bad));
    }

    function connection(away) {
        if (away === isLost) return;
        isLost = away;
        lost.textContent = away ? words.lost : "";
        lost.hidden = !away;
        if (!away) tell(words.back);
    }

    const openForms = () => [...holder.querySelectorAll("[data-result]:not([hidden])")];

    const boutOf = (form) => form.closest("[data-bout]");

    // New state of everything.  An open form stays as long as its bout has not changed; else the fresh one takes its
    // place, with what the person has typed, and says what has happened: nothing is sent unseen.
    function take(text) {
        const fresh = document.createElement("div");
        fresh.innerHTML = text;
        const focus = focused();
        for (const form of openForms()) {
            const bout = boutOf(form);
            const next = fresh.querySelector(`[data-bout='${bout.dataset.bout}']`);
            const place = next?.querySelector("[data-result]");
            if (!place) continue;
            if (next.dataset.version === bout.dataset.version) place.replaceWith(form);
            else renew(place, form, next);
            next.querySelector("[data-open-result]")?.setAttribute("aria-expanded", "true");
        }
        holder.replaceChildren(...fresh.childNodes);
        refocus(focus);
    }

    function renew(place, form, next) {
        place.hidden = false;
        const sameCorners = boutOf(form).dataset.corners === next.dataset.corners;
        for (const field of form.elements) {
            // Red was chosen when somebody else stood there.
            if (field.name === "winner" && !sameCorners) continue;
            const twin = field.name && [...place.elements].find((other) => other.name === field.name && (other.type !== "radio" || other.value === field.value));
            if (!twin) continue;
            if (field.type !== "radio") {
                if (field.value !== field.defaultValue) twin.value = field.value;
            } else if (field.checked && !field.defaultChecked) twin.checked = true;
        }
        if (own === next.dataset.bout) {
            own = null;
            return;
        }
        const line = place.querySelector("[data-conflict-line]");
        line.textContent = `${words.conflict} ${next.dataset.now}. ${words.kept}`;
        line.hidden = false;
    }

    // What has the focus and where its cursor stands, so that the same place of the fresh card gets it.
    function focused() {
        const active = document.activeElement;
        if (!active || !holder.contains(active)) return null;
        const form = active.closest("[data-result]");
        return { active, bout: form && boutOf(form).dataset.bout, name: active.name, value: active.value, type: active.type, start: active.selectionStart, end: active.selectionEnd };
    }

    function refocus(was) {
        if (!was) return;
        if (holder.contains(was.active)) return was.active.focus({ preventScroll: true });
        const form = was.bout && holder.querySelector(`[data-bout='${was.bout}'] [data-result]:not([hidden])`);
        if (!form) return;
        const twin = was.name && [...form.elements].find((field) => field.name === was.name && (field.type !== "radio" || field.value === was.value));
        (twin || form.querySelector("[data-check]")).focus({ preventScroll: true });
        if (twin && twin.type === "text") twin.setSelectionRange(was.start, was.end);
    }

    async function look() {
        try {
            const answer = await fetch(words.state, { headers: { "X-Requested-With": "fetch" }, redirect: "manual", signal: AbortSignal.timeout(8000) });
            if (answer.type === "opaqueredirect") return window.location.reload();
            if (!answer.ok) throw new Error(String(answer.status));
            const text = await answer.text();
            connection(false);
            if (!busy && !composing) take(text);
        } catch {
            connection(true);
        }
    }

    async function send(values) {
        if (busy) return null;
        busy = true;
        board.toggleAttribute("data-busy", true);
        try {
            const answer = await fetch(words.act, { method: "POST", headers: { "X-CSRFToken": token }, body: new URLSearchParams(values), signal: AbortSignal.timeout(8000) });
            const body = await answer.json();
            connection(false);
            return { status: answer.status, message: body.message };
        } catch {
            tell(words.failed, true);
            connection(true);
            return null;
        } finally {
            busy = false;
            board.toggleAttribute("data-busy", false);
        }
    }

    const valuesOf = (button) => Object.fromEntries(
        Object.entries(button.dataset).filter(([name]) => name.startsWith("value")).map(([name, value]) => [name.slice(5).toLowerCase(), value]));

    async function deed(button) {
        if (button.dataset.ask && !window.confirm(button.dataset.ask)) return;
        const bout = button.closest("[data-bout]");
        const values = { deed: button.dataset.deed, ...valuesOf(button) };
        if (bout) Object.assign(values, { bout: bout.dataset.bout, version: bout.dataset.version });
        const answer = await send(values);
        if (!answer) return;
        tell(answer.message, answer.status !== 200);
        own = bout && answer.status === 200 ? bout.dataset.bout : null;
        await look();
    }

    // --- the result in two steps ---
    function sentence(bout, form) {
        const winner = form.elements.winner.value;
        const names = { red: bout.dataset.red, blue: bout.dataset.blue };
        if (!winner) return "";
        const fill = (text) => text.replace("{winner}", names[winner]).replace("{loser}", names[winner === "red" ? "blue" : "red"]).replace("{red}", names.red).replace("{blue}", names.blue);
        const parts = [fill(winner === "draw" ? words.draw : winner === "no_contest" ? words.noContest : words.beats)];
        const method = form.querySelector("[name=method]:checked");
        if (method?.value) parts.push(method.nextElementSibling.textContent);
        if (form.elements.method_detail.value.trim()) parts.push(form.elements.method_detail.value.trim());
        if (form.elements.round.value) parts.push(words.inRound.replace("{round}", form.elements.round.value));
        if (form.elements.time.value.trim()) parts.push(form.elements.time.value.trim());
        return parts.join(", ") + ".";
    }

    function steps(form, second) {
        form.querySelector("[data-step-one]").hidden = second;
        form.querySelector("[data-step-two]").hidden = !second;
        form.querySelector(second ? "[data-send]" : "[name=winner]").focus();
    }

    function bad(form, message) {
        const line = form.querySelector("[data-bad]");
        line.textContent = message;
        line.hidden = !message;
    }

    function close(form) {
        form.hidden = true;
        form.reset();
        form.querySelector("[data-conflict-line]").hidden = true;
        bad(form, "");
        steps(form, false);
        boutOf(form).querySelector("[data-open-result]")?.setAttribute("aria-expanded", "false");
    }

    async function enter(button) {
        const form = button.closest("[data-result]");
        const bout = boutOf(form);
        const values = { deed: "result", bout: bout.dataset.bout, version: bout.dataset.version, official: button.dataset.send };
        for (const name of ["winner", "method", "round", "time", "method_detail", "reason"]) values[name] = form.elements[name]?.value || "";
        const answer = await send(values);
        if (!answer) return;
        if (answer.status === 200) {
            close(form);
            tell(answer.message);
            return look();
        }
        // The fresh form says what the bout is now and asks again, from its first step.
        if (answer.status === 412) return look();
        steps(form, false);
        bad(form, answer.message);
    }

    board.addEventListener("click", (event) => {
        const button = event.target.closest("button");
        if (!button || busy) return;
        const form = button.closest("[data-result]");
        if (button.dataset.deed) deed(button);
        else if ("openResult" in button.dataset) {
            const opened = button.closest("[data-bout]").querySelector("[data-result]");
            if (!opened.hidden) return close(opened);
            own = null;
            opened.hidden = false;
            button.setAttribute("aria-expanded", "true");
            steps(opened, false);
        } else if ("closeResult" in button.dataset) close(form);
        else if ("check" in button.dataset) {
            const text = sentence(form.closest("[data-bout]"), form);
            bad(form, text ? "" : words.choose);
            if (!text) return;
            form.querySelector("[data-sentence]").textContent = text;
            steps(form, true);
        } else if ("backToOne" in button.dataset) steps(form, false);
        else if (button.dataset.send) enter(button);
    });
    board.addEventListener("compositionstart", () => { composing = true; });
    board.addEventListener("compositionend", () => { composing = false; });
    board.addEventListener("submit", (event) => {
        event.preventDefault();
        event.target.querySelector("[data-step-two]").hidden ? event.target.querySelector("[data-check]").click() : null;
    });

    setInterval(look, EVERY);
    setInterval(() => {
        for (const button of holder.querySelectorAll("[data-undo-left]")) {
            const left = Number(button.dataset.undoLeft) - 1;
            button.dataset.undoLeft = String(left);
            if (left <= 0) button.remove();
            else button.querySelector("[data-seconds]").textContent = String(left);
        }
    }, 1000);
})();
