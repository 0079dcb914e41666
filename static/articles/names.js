"use strict";
// Boxes of fighters and events: adding one that was not suggested, as one types.  Boxes may come and go with the page.

(function () {
    let timer = 0;
    let asked = 0;

    const boxOf = (node) => node.closest("[data-names]");

    document.addEventListener("input", (event) => {
        if (!event.target.matches("[data-names-find]")) return;
        // What was found for other letters is not what Enter means now.
        close(boxOf(event.target));
        window.clearTimeout(timer);
        timer = window.setTimeout(() => ask(event.target), 150);
    });

    document.addEventListener("keydown", (event) => {
        const box = event.target instanceof Element && boxOf(event.target);
        if (!box || event.isComposing) return;
        const field = box.querySelector("[data-names-find]");
        const hits = [...box.querySelectorAll("[data-names-hits] button")];
        const place = hits.indexOf(event.target);
        if (event.target === field && event.key === "Enter" && field.value.trim()) {
            event.preventDefault();
            if (hits[0]) hits[0].click();
        } else if (event.key === "Escape" && hits.length) {
            event.stopPropagation();
            event.preventDefault();
            close(box);
            field.focus();
        } else if (hits.length && (event.key === "ArrowDown" || event.key === "ArrowUp") && (event.target === field || place >= 0)) {
            event.preventDefault();
            (hits[place + (event.key === "ArrowDown" ? 1 : -1)] || field).focus();
        }
    }, true);

    document.addEventListener("click", (event) => {
        const hit = event.target.closest("[data-names-hits] button");
        if (!hit) return;
        const box = boxOf(hit);
        add(box, hit.dataset.subject, hit.dataset.label).dispatchEvent(new Event("change", { bubbles: true }));
        box.querySelector("[data-names-find]").value = "";
        close(box);
        box.querySelector("[data-names-find]").focus();
    });

    // The page brings a name back that was added before; nobody ticked it just now.
    document.addEventListener("bjz-add-name", (event) => add(event.target, event.detail.key, event.detail.label));

    async function ask(field) {
        const box = boxOf(field);
        const number = ++asked;
        const typed = field.value.trim();
        if (!typed) return close(box);
        try {
            const answer = await fetch(`${box.dataset.search}?q=${encodeURIComponent(typed)}`, { headers: { Accept: "application/json" } });
            const items = (await answer.json()).items;
            if (number === asked) show(box, items);
        } catch {
            close(box);
        }
    }

    function show(box, items) {
        const list = box.querySelector("[data-names-hits]");
        list.replaceChildren(...items.map(line));
        if (!items.length) {
            const nobody = document.createElement("li");
            nobody.className = "bjz-muted";
            nobody.textContent = box.dataset.nobody;
            list.append(nobody);
        }
        list.hidden = false;
    }

    function line(item) {
        const entry = document.createElement("li");
        const button = document.createElement("button");
        const note = document.createElement("span");
        button.type = "button";
        button.dataset.subject = item.key;
        button.dataset.label = item.label;
        button.textContent = `${item.label} `;
        note.className = "bjz-muted";
        note.textContent = item.note;
        button.append(note);
        entry.append(button);
        return entry;
    }

    function add(box, key, label) {
        const boxes = box.querySelector("[data-names-boxes]");
        const known = boxes.querySelector(`input[name=ticked][value='${CSS.escape(key)}']`);
        const tick = known || document.createElement("input");
        if (!known) {
            const entry = document.createElement("label");
            const name = document.createElement("span");
            entry.className = "bjz-name";
            tick.type = "checkbox";
            tick.name = "ticked";
            tick.value = key;
            name.textContent = label;
            entry.append(tick, name);
            boxes.append(entry);
        }
        tick.checked = true;
        return tick;
    }

    function close(box) {
        ++asked;
        const list = box.querySelector("[data-names-hits]");
        list.replaceChildren();
        list.hidden = true;
    }
})();
