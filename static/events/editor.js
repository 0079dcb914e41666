"use strict";
// The event editor: order by dragging or with the arrows, replacements, cancellations.

(function () {
    const editor = document.querySelector("[data-editor]");
    if (!editor) return;
    const list = editor.querySelector("[data-list]");
    const told = editor.querySelector("[data-told]");
    const save = editor.querySelector("[data-save]");
    const token = editor.querySelector("[name=csrfmiddlewaretoken]").value;
    const rows = () => [...list.querySelectorAll("[data-bout]")];
    const order = () => rows().map((row) => `${row.dataset.bout}:${row.querySelector("[data-segment]")?.value}`).join(",");
    const saved = order();
    let dragged = null;
    // The order on the screen is not the one that the server has.
    let isUnsaved = false;

    function tell(message, bad) {
        told.textContent = message;
        told.hidden = !message;
        told.classList.toggle("bjz-board-bad", Boolean(bad));
    }

    tell(sessionStorage.getItem("bjz-editor-told") || "");
    sessionStorage.removeItem("bjz-editor-told");

    function changed() {
        rows().forEach((row, place) => { row.querySelector("[data-number]").textContent = String(place + 1); });
        isUnsaved = order() !== saved;
        save.disabled = !isUnsaved;
        editor.querySelector("[data-unsaved-line]").textContent = isUnsaved ? editor.dataset.unsaved : "";
    }

    window.addEventListener("beforeunload", (event) => { if (isUnsaved) event.preventDefault(); });

    async function send(values) {
        // Every deed brings the page anew.
        if (isUnsaved && values.deed !== "arrange") {
            tell(editor.dataset.saveFirst, true);
            save.focus();
            return;
        }
        const answer = await window.bjzSend(editor.dataset.act, token, values);
        const needed = { refused: editor.dataset.refused, "signed-out": "", silence: editor.dataset.unsure }[answer.kind];
        tell(needed ?? answer.message, answer.status !== 200);
        editor.querySelector("[data-signed-out]").hidden = answer.kind !== "signed-out";
        editor.querySelector("[data-see-line]").hidden = answer.kind !== "silence";
        if (answer.status !== 200) return;
        // The page comes back with the new versions and says what was done.
        sessionStorage.setItem("bjz-editor-told", answer.message);
        isUnsaved = false;
        window.location.reload();
    }

    list.addEventListener("dragstart", (event) => {
        dragged = event.target.closest("[data-bout]");
        event.dataTransfer.effectAllowed = "move";
        dragged.classList.add("bjz-editor-dragged");
    });
    list.addEventListener("dragover", (event) => {
        const over = event.target.closest("[data-bout]");
        if (!dragged || !over) return;
        event.preventDefault();
        if (over === dragged) return;
        const box = over.getBoundingClientRect();
        over[event.clientY < box.top + box.height / 2 ? "before" : "after"](dragged);
    });
    list.addEventListener("dragend", () => {
        dragged?.classList.remove("bjz-editor-dragged");
        dragged = null;
        changed();
    });
    list.addEventListener("change", (event) => { if ("segment" in event.target.dataset) changed(); });

    editor.addEventListener("click", (event) => {
        const button = event.target.closest("button");
        if (!button) return;
        const row = button.closest("[data-bout], [data-unknown]");
        if ("up" in button.dataset || "down" in button.dataset) {
            const beside = "up" in button.dataset ? row.previousElementSibling : row.nextElementSibling;
            if (!beside) return;
            beside["up" in button.dataset ? "before" : "after"](row);
            changed();
            button.focus();
        } else if (button.dataset.open) {
            for (const form of row.querySelectorAll("[data-form]")) form.hidden = form.dataset.form !== button.dataset.open || !form.hidden;
            row.querySelector(`[data-form='${button.dataset.open}'] input`)?.focus();
        } else if ("close" in button.dataset) button.closest("[data-form]").hidden = true;
        else if ("addUnknown" in button.dataset) addUnknown(row);
        else if ("clearUnknown" in button.dataset) clearUnknown();
        else if ("see" in button.dataset) window.location.reload();
        else if (button.dataset.deed) send({ deed: button.dataset.deed, ...named(row) });
        else if (button === save) send({ deed: "arrange", version: editor.dataset.version, order: order() });
    });

    editor.addEventListener("submit", (event) => {
        event.preventDefault();
        const form = event.target;
        const row = form.closest("[data-bout], [data-unknown]");
        send({ ...(row ? named(row) : { version: editor.dataset.version }), ...Object.fromEntries(new FormData(form)), deed: form.dataset.form });
    });

    // Which bout of the card or of the feed a row is, and the version that was on the screen.
    function named(row) {
        if (row.dataset.unknown) return { unknown: row.dataset.unknown, unknown_version: row.dataset.unknownVersion };
        return { bout: row.dataset.bout, version: row.dataset.version };
    }

    // The form for a new bout, with the feed's names to search for.  In which corner its first-named stands, a person
    // says: whose id it is from then on hangs on that.
    function addUnknown(row) {
        const box = editor.querySelector("[data-add]");
        box.open = true;
        const ofTheFeed = box.querySelector("[data-of-the-feed]");
        ofTheFeed.disabled = ofTheFeed.hidden = false;
        ofTheFeed.querySelector("[name=unknown]").value = row.dataset.unknown;
        ofTheFeed.querySelector("[name=unknown_version]").value = row.dataset.unknownVersion;
        ofTheFeed.querySelector("[data-question]").textContent = row.dataset.question;
        ofTheFeed.querySelector("[data-add-note]").textContent = `${row.dataset.first} – ${row.dataset.second}`;
        for (const corner of ofTheFeed.querySelectorAll("[name=first_is]")) corner.checked = false;
        for (const [corner, name] of [["red", row.dataset.first], ["blue", row.dataset.second]]) {
            const input = box.querySelector(`[data-picker='${corner}'] input`);
            input.value = name;
            input.dispatchEvent(new Event("input", { bubbles: true }));
        }
        box.scrollIntoView({ block: "center" });
        box.querySelector("[data-picker='red'] input").focus();
    }

    function clearUnknown() {
        const ofTheFeed = editor.querySelector("[data-of-the-feed]");
        ofTheFeed.disabled = ofTheFeed.hidden = true;
        for (const field of ofTheFeed.querySelectorAll("[type=hidden]")) field.value = "";
        editor.querySelector("[data-add] [data-picker='red'] input").focus();
    }
    editor.querySelector("[data-add]")?.addEventListener("toggle", (event) => { if (!event.target.open) clearUnknown(); });

    // As you type: the public search, newest question of each field only.
    const asked = new WeakMap();
    editor.addEventListener("input", async (event) => {
        if (!("fighterSearch" in event.target.dataset)) return;
        const field = event.target;
        const number = (asked.get(field) || 0) + 1;
        asked.set(field, number);
        const picker = field.closest("[data-picker]");
        const hits = (picker || field.closest("[data-form]")).querySelector("[data-hits]");
        const typed = field.value.trim();
        await new Promise((done) => setTimeout(done, 180));
        if (number !== asked.get(field)) return;
        if (!typed) return hits.replaceChildren();
        try {
            const answer = await fetch(`${editor.dataset.search}?q=${encodeURIComponent(typed)}`, { headers: { Accept: "application/json" } });
            const found = (await answer.json()).data.items.slice(0, 8);
            if (number !== asked.get(field)) return;
            hits.replaceChildren(...found.map((one) => {
                const label = document.createElement("label");
                label.className = "bjz-choice";
                const input = Object.assign(document.createElement("input"), { type: "radio", name: picker ? picker.dataset.picker : "fighter", value: one.id, required: true });
                const span = document.createElement("span");
                span.textContent = [one.name, one.name_zh, one.weight_class, one.birth_year].filter(Boolean).join(" · ");
                label.append(input, span);
                return label;
            }));
            if (!found.length) hits.textContent = editor.dataset.nobody;
        } catch {
            tell(editor.dataset.searchFailed, true);
        }
    });
})();
