"use strict";
// The live board: asks for the card every few seconds, sends one deed at a time, keeps what is being typed and where
// one stands.

(function () {
    const board = document.querySelector("[data-board]");
    if (!board) return;
    const EVERY = 4000;
    // A finger that was lifted clicks within this time, a press never lasts longer than that.
    const CLICK_WITHIN = 400;
    const LONGEST_PRESS = 5000;
    const holder = board.querySelector("[data-bouts]");
    const told = board.querySelector("[data-told]");
    const lost = board.querySelector("[data-lost-line]");
    const signedOut = board.querySelector("[data-signed-out]");
    const token = board.querySelector("[name=csrfmiddlewaretoken]").value;
    const words = board.dataset;
    let busy = false;
    // Somebody is writing with an input method: exchanging the field would break the word off.
    let composing = false;
    // The bout that we ourselves have just changed: its new state is no conflict.
    let own = null;
    // What was sent and has got no answer: {bout}; it may have arrived.
    let unsure = null;
    // What keeps us from the server: "", "lost", "closed" (it refuses the page) or "signedOut".
    let trouble = "";
    // What the list says, without what changes by itself.
    let shown = null;
    // When a button was pressed that is still held down: an exchange now would swallow its click.
    let pressedAt = 0;
    let waiting = null;
    let asked = 0;
    let newest = 0;

    function tell(message, bad) {
        told.textContent = message;
        told.hidden = !message;
        told.classList.toggle("bjz-board-bad", Boolean(bad));
    }

    function away(kind) {
        if (kind === trouble) return;
        if (!kind) tell(words.back);
        trouble = kind;
        lost.textContent = { lost: words.lost, closed: words.closed }[kind] || "";
        lost.hidden = !lost.textContent;
        signedOut.hidden = kind !== "signedOut";
    }

    const openForms = () => [...holder.querySelectorAll("[data-result]:not([hidden])")];

    const boutOf = (element) => element.closest("[data-bout]");

    // "8 s ago", the clock of the round, the seconds in which one may undo: what changes though nothing has happened.
    const PASSES = "time, [data-elapsed], [data-undo-left] [data-seconds]";
    const withoutTimes = (text) => text.replace(/<time.*?<\/time>/g, "").replace(/ data-undo-left="\d+"/g, "").replace(/( data-elapsed| data-seconds)[^>]*>[\d:]*/g, "$1>");

    function renewTimes(text) {
        const fresh = document.createElement("div");
        fresh.innerHTML = text;
        const next = fresh.querySelectorAll(PASSES);
        const present = holder.querySelectorAll(PASSES);
        if (next.length !== present.length) return;
        present.forEach((old, place) => {
            const button = old.closest("[data-undo-left]");
            if (button) button.dataset.undoLeft = next[place].textContent;
            old.replaceWith(next[place]);
        });
    }

    // An answer of the server.  What it says already is not put up once more; nothing is exchanged under a finger.
    function arrived(text) {
        if (busy || composing) return;
        if (pressedAt && Date.now() - pressedAt < LONGEST_PRESS) {
            waiting = text;
            return;
        }
        const plain = withoutTimes(text);
        if (plain === shown) renewTimes(text);
        else take(text);
        shown = plain;
        if (!unsure) return;
        unsure = null;
        tell(words.looked, true);
    }

    function pressed() { pressedAt = Date.now(); }

    function release(after) {
        const press = pressedAt;
        if (press) setTimeout(() => { if (pressedAt === press) released(); }, after);
    }

    function released() {
        pressedAt = 0;
        const text = waiting;
        waiting = null;
        if (text !== null) arrived(text);
    }

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
        line.textContent = `${unsure?.bout === next.dataset.bout ? words.perhapsOwn : words.conflict} ${next.dataset.now}. ${words.kept}`;
        line.hidden = false;
    }

    // What has the focus and where its cursor stands, so that the same place of the fresh card gets it.
    function focused() {
        const active = document.activeElement;
        if (!active || !holder.contains(active)) return null;
        const isInForm = Boolean(active.closest("[data-result]"));
        return { active, isInForm, bout: boutOf(active)?.dataset.bout, mark: mark(active), name: active.name, value: active.value, type: active.type, start: active.selectionStart, end: active.selectionEnd };
    }

    // A button is the same when it does the same deed with the same values.
    const PASSING = new Set(["valueVersion", "undoLeft"]);
    const mark = (element) => JSON.stringify([element.tagName, element.getAttribute("href"), ...Object.entries(element.dataset).filter(([name]) => !PASSING.has(name))]);

    function refocus(was) {
        if (!was) return;
        if (holder.contains(was.active)) return was.active.focus({ preventScroll: true });
        const place = was.bout ? holder.querySelector(`[data-bout='${was.bout}']`) : holder;
        const form = was.isInForm && place?.querySelector("[data-result]:not([hidden])");
        if (!form) return refocusButton(was, place);
        const twin = was.name && [...form.elements].find((field) => field.name === was.name && (field.type !== "radio" || field.value === was.value));
        (twin || form.querySelector("[data-check]")).focus({ preventScroll: true });
        if (twin && twin.type === "text") twin.setSelectionRange(was.start, was.end);
    }

    // Where that button is gone, its bout has the focus: the next press must not do the next deed unseen.
    function refocusButton(was, place) {
        const twin = place && [...place.querySelectorAll("a, button")].find((other) => mark(other) === was.mark && boutOf(other)?.dataset.bout === was.bout);
        if (twin) twin.focus({ preventScroll: true });
        else if (was.bout && place) stand(place);
    }

    function stand(bout) {
        bout.tabIndex = -1;
        bout.focus({ preventScroll: true });
    }

    async function look() {
        const number = ++asked;
        try {
            const answer = await fetch(words.state, { headers: { "X-Requested-With": "fetch" }, redirect: "manual", signal: AbortSignal.timeout(8000) });
            if (answer.type === "opaqueredirect") return away("signedOut");
            if (answer.status >= 400 && answer.status < 500) return away("closed");
            if (!answer.ok) return away("lost");
            const text = await answer.text();
            away("");
            // One that was overtaken would put yesterday's buttons back.
            if (number < newest) return;
            newest = number;
            arrived(text);
        } catch {
            away("lost");
        }
    }

    // The server's word on a deed; null when it has given none, which is told here.
    async function send(values) {
        if (busy) return null;
        busy = true;
        board.toggleAttribute("data-busy", true);
        const answer = await window.bjzSend(words.act, token, values);
        busy = false;
        board.toggleAttribute("data-busy", false);
        if (answer.kind === "told") {
            away("");
            return answer;
        }
        if (answer.kind === "signed-out") away("signedOut");
        else if (answer.kind === "refused") tell(words.refused, true);
        else {
            unsure = { bout: values.bout };
            tell(words.unsure, true);
            look();
        }
        return null;
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

    function check(form) {
        const text = sentence(boutOf(form), form);
        bad(form, text ? "" : words.choose);
        if (!text) return;
        form.querySelector("[data-sentence]").textContent = text;
        steps(form, true);
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
        else if ("backToOne" in button.dataset) steps(form, false);
        else if (button.dataset.send) enter(button);
    });
    board.addEventListener("compositionstart", () => { composing = true; });
    board.addEventListener("compositionend", () => { composing = false; });
    board.addEventListener("submit", (event) => {
        event.preventDefault();
        if (!busy && event.target.querySelector("[data-step-two]").hidden) check(event.target);
    });
    board.addEventListener("pointerdown", pressed);
    board.addEventListener("keydown", (event) => { if (event.key === " " && event.target.matches("button")) pressed(); });
    for (const name of ["pointerup", "keyup"]) document.addEventListener(name, () => release(CLICK_WITHIN));
    for (const name of ["click", "pointercancel"]) document.addEventListener(name, () => release(0));
    window.addEventListener("blur", released);

    setInterval(look, EVERY);
    setInterval(() => {
        for (const clock of holder.querySelectorAll("[data-elapsed]")) {
            const passed = Number(clock.dataset.elapsed) + 1;
            clock.dataset.elapsed = String(passed);
            clock.textContent = `${Math.floor(passed / 60)}:${String(passed % 60).padStart(2, "0")}`;
        }
        for (const button of holder.querySelectorAll("[data-undo-left]")) {
            const left = Number(button.dataset.undoLeft) - 1;
            button.dataset.undoLeft = String(left);
            if (left > 0) button.querySelector("[data-seconds]").textContent = String(left);
            else {
                if (button === document.activeElement) stand(boutOf(button));
                button.remove();
            }
        }
    }, 1000);
})();
