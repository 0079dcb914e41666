"use strict";
// The review desk: keys, the preview beside the list, decisions without leaving the page.

(function () {
    const desk = document.querySelector("[data-desk]");
    if (!desk) return;
    const pane = desk.querySelector("[data-preview-pane]");
    const told = desk.querySelector("[data-told]");
    const drafts = window.bjzDrafts;
    const undoButton = desk.querySelector("[data-key='u']");
    const token = desk.querySelector("[name=csrfmiddlewaretoken]").value;
    let busy = false;
    let loading = 0;
    // What a deed took along is no draft any more.
    const TAKEN = {
        approve: drafts.drop,
        reject: drafts.drop,
        edit: drafts.drop,
        names: drafts.dropNames,
    };
    // What was sent on a version that is no longer the last, while its piece stays in the pane.
    let refused = null;

    const cards = () => [...desk.querySelectorAll("[data-card]")];
    const current = () => desk.querySelector("[data-card][aria-current]");
    const form = (name) => pane.querySelector(`[data-form='${name}']`);

    function tell(message, bad) {
        told.textContent = message;
        told.hidden = !message;
        told.classList.toggle("bjz-desk-bad", Boolean(bad));
    }

    // The page comes anew, around this piece if one is named, and says there what was done.
    function come(piece, message) {
        if (message) sessionStorage.setItem("desk-told", message);
        window.location.assign(addressOf(piece));
    }

    function addressOf(piece) {
        const query = new URLSearchParams(window.location.search);
        if (piece) query.set("piece", piece);
        else query.delete("piece");
        return `${desk.dataset.address}?${query}`;
    }

    // Whoever is not signed in any more is led back here by the desk's own address; what they typed stays in the tab.
    const unanswered = (answer) => new Error(answer.redirected || answer.status === 403 ? "session" : "answer");

    function fail(error) {
        if (error.message !== "session") return tell(desk.dataset.failed, true);
        const link = document.createElement("a");
        link.className = "bjz-link";
        link.href = addressOf(current() && current().dataset.card);
        link.textContent = desk.dataset.signIn;
        tell(`${desk.dataset.signedOut} `, true);
        told.append(link);
    }

    const shown = () => pane.querySelector("[data-shown]");
    const shownPiece = () => shown() && shown().dataset.shown;

    // The pane is empty until the piece is there: no key acts on one that is marked but not to be seen yet.
    async function show(card) {
        const number = ++loading;
        pane.replaceChildren();
        refused = null;
        for (const other of cards()) other.removeAttribute("aria-current");
        desk.querySelector("[data-nothing]").hidden = Boolean(card);
        if (!card) return;
        card.setAttribute("aria-current", "true");
        card.scrollIntoView({ block: "nearest" });
        try {
            const answer = await fetch(card.dataset.preview, { headers: { "X-Requested-With": "fetch" } });
            const text = await answer.text();
            if (number !== loading) return;
            if (!answer.ok || !text.includes("data-shown")) throw unanswered(answer);
            pane.innerHTML = text;
            drafts.restore(shownPiece(), pane);
        } catch (error) {
            if (number === loading) fail(error);
        }
    }

    function step(by) {
        const all = cards();
        const place = all.indexOf(current());
        const next = all[Math.min(Math.max(place + by, 0), all.length - 1)];
        if (next && next !== current()) show(next);
    }

    // This piece is decided.  While it is in the pane the next one comes by itself, the list's last one gives way to the
    // one before; whoever has moved on stays where they are.
    function leave(card) {
        const all = cards();
        const place = all.indexOf(card);
        const next = all[place + 1] || all[place - 1];
        const inPane = card === current();
        card.closest("li").remove();
        if (inPane) show(next);
        if (!cards().length) come(null, told.textContent);
    }

    async function send(address, body) {
        const answer = await fetch(address, {
            method: "POST",
            body: body,
            headers: { "X-CSRFToken": token, "X-Requested-With": "fetch" },
        });
        if (!(answer.headers.get("Content-Type") || "").includes("json")) throw unanswered(answer);
        return { ok: answer.ok, status: answer.status, body: await answer.json() };
    }

    // Deeds on another piece of the story: the page is drawn anew around the piece that then stands for it.
    async function arrange(button) {
        const plain = form("plain");
        if (busy || !plain) return;
        busy = true;
        const body = new FormData(plain);
        const goesTo = button.dataset.goesTo || shownPiece();
        body.set("deed", button.dataset.deed);
        body.set("version", button.dataset.version);
        try {
            const answer = await send(button.dataset.address, body);
            tell(answer.body.message, !answer.ok);
            if (!answer.ok) return await show(current());
            come(goesTo, answer.body.message);
        } catch (error) {
            fail(error);
        } finally {
            busy = false;
        }
    }

    function decide(deed, filled) {
        const plain = form("plain");
        if (busy || !plain) return;
        const body = new FormData(plain);
        if (filled && !filled.matches("[data-names-form]")) for (const [name, value] of new FormData(filled)) body.set(name, value);
        // What is ticked is part of the approval; every other deed leaves it alone.
        const names = pane.querySelector("[data-names-form]");
        if (names) for (const [name, value] of new FormData(names)) body.append(name, value);
        body.set("deed", deed);
        return carryOut(plain.action, body);
    }

    // The same again, on the version that stands there now.
    function resend() {
        const plain = form("plain");
        if (busy || !plain || !refused) return;
        for (const [name, value] of new FormData(pane.querySelector("[data-newer]"))) refused.set(name, value);
        return carryOut(plain.action, refused);
    }

    // The answer concerns the piece that was sent, whichever is in the pane when it comes.
    async function carryOut(address, body) {
        const deed = body.get("deed");
        const card = current();
        const inPane = () => card === current() && shown();
        busy = true;
        refused = null;
        try {
            const answer = await send(address + window.location.search, body);
            tell(answer.body.message, !answer.ok);
            if (answer.ok) {
                TAKEN[deed]?.(card.dataset.card);
                desk.querySelector("[data-left]").textContent = answer.body.left;
                if (deed === "approve" || deed === "reject") leave(card);
                else if (inPane()) await show(card);
                offer(answer.body.undo);
            } else if (answer.body.html && inPane()) {
                pane.querySelector("[data-both]").innerHTML = answer.body.html;
                refused = body;
                pane.querySelector("[data-again]").focus();
            } else if ((answer.body.claimed || answer.status === 409) && inPane()) {
                await show(card);
            }
        } catch (error) {
            fail(error);
        } finally {
            busy = false;
        }
    }

    // What "u" would take back, by name.
    function offer(step) {
        if (!undoButton) return;
        const what = step ? step.what : "";
        undoButton.disabled = !step;
        undoButton.dataset.step = step ? step.step : "";
        undoButton.title = what;
        undoButton.querySelector("[data-undo-what]").textContent = what;
    }

    async function undo() {
        if (busy || !undoButton || undoButton.disabled) return;
        busy = true;
        try {
            const body = new FormData();
            body.set("step", undoButton.dataset.step);
            const answer = await send(desk.dataset.undo, body);
            if (!answer.ok) {
                offer(answer.body.undo);
                return tell(answer.body.message, true);
            }
            come(answer.body.piece, answer.body.message);
        } catch (error) {
            fail(error);
        } finally {
            busy = false;
        }
    }

    function open(name) {
        const wanted = form(name);
        if (!wanted) return;
        for (const other of pane.querySelectorAll(".bjz-desk-form")) other.hidden = other !== wanted;
        wanted.querySelector("input:not([type=hidden]), textarea").focus();
        wanted.scrollIntoView({ block: "nearest" });
    }

    // Escape only puts aside what was typed, the button throws it away.
    function close(forGood) {
        if (forGood) drafts.dropForms(shownPiece());
        for (const other of pane.querySelectorAll(".bjz-desk-form")) {
            if (forGood) other.reset();
            other.hidden = true;
        }
        if (current()) current().focus();
    }

    const KEYS = {
        j: () => step(1),
        k: () => step(-1),
        a: () => decide("approve"),
        r: () => open("reject"),
        e: () => open("edit"),
        n: () => {
            const field = pane.querySelector("[data-names] input[type=checkbox], [data-names-find]");
            if (field) field.focus();
        },
        c: () => decide("claim"),
        o: () => {
            const original = pane.querySelector("[data-original]");
            if (original) window.open(original.href, "_blank", "noopener,noreferrer");
        },
        u: undo,
    };

    document.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
        const field = event.target;
        const typing = field.matches("textarea, select, input:not([type=radio], [type=checkbox])") || field.isContentEditable;
        const isOpen = pane.querySelector(".bjz-desk-form:not([hidden])");
        if (event.key === "Escape" && (isOpen || pane.contains(field))) return close(false);
        if (typing) return;
        const reject = form("reject");
        if (reject && !reject.hidden) {
            const chosen = reject.querySelector(`[data-number='${CSS.escape(event.key)}']`);
            if (chosen) {
                chosen.checked = true;
                chosen.focus();
                event.preventDefault();
            } else if (event.key === "Enter" && field.matches("input[type=radio]")) {
                event.preventDefault();
                decide("reject", reject);
            }
            // Other keys wait for an answer; j and k move on, what was typed is kept.
            if (chosen || !["j", "k"].includes(event.key)) return;
        }
        const act = KEYS[event.key];
        if (!act) return;
        event.preventDefault();
        act();
    });

    desk.addEventListener("click", (event) => {
        const card = event.target.closest("[data-card]");
        if (card) return void show(card);
        const button = event.target.closest("[data-key], [data-deed], [data-close], [data-again], [data-resend]");
        if (!button || button.closest("form.bjz-desk-form[data-form], [data-names-form]") && button.type === "submit") return;
        if (button.dataset.address) arrange(button);
        else if (button.dataset.key) KEYS[button.dataset.key]();
        else if (button.dataset.deed) decide(button.dataset.deed);
        else if ("close" in button.dataset) close(true);
        else if ("resend" in button.dataset) resend();
        else {
            drafts.drop(shownPiece());
            show(current());
        }
    });

    pane.addEventListener("input", (event) => {
        const typed = event.target.closest("form.bjz-desk-form[data-form]");
        if (typed) drafts.keepForm(shownPiece(), typed);
    });

    pane.addEventListener("change", (event) => {
        if (event.target.name === "ticked") drafts.keepNames(shownPiece(), pane);
    });

    pane.addEventListener("submit", (event) => {
        event.preventDefault();
        decide((event.submitter || event.target.querySelector("[data-deed]")).dataset.deed, event.target);
    });

    tell(sessionStorage.getItem("desk-told") || "");
    sessionStorage.removeItem("desk-told");
    const asked = cards().find((card) => card.dataset.card === desk.dataset.piece);
    show(asked || cards()[0]);
})();
