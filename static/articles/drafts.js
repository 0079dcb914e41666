"use strict";
// What was typed and ticked at the desk and not sent yet, by piece: it outlives moving on, a refusal, a pane or page
// drawn anew, and signing in again in this tab.

window.bjzDrafts = (function () {
    const key = (piece) => `desk-kept-${piece}`;
    const namesForm = (pane) => pane.querySelector("[data-names-form]");

    function read(piece) {
        return JSON.parse(sessionStorage.getItem(key(piece))) || { forms: {}, open: "", names: [] };
    }

    function write(piece, draft) {
        if (!draft.names.length && !Object.keys(draft.forms).length) sessionStorage.removeItem(key(piece));
        else sessionStorage.setItem(key(piece), JSON.stringify(draft));
    }

    function keepForm(piece, typed) {
        const draft = read(piece);
        draft.forms[typed.dataset.form] = [...new FormData(typed)];
        draft.open = typed.dataset.form;
        write(piece, draft);
    }

    function keepNames(piece, pane) {
        const draft = read(piece);
        const boxes = [...namesForm(pane).querySelectorAll("input[name=ticked]")];
        draft.names = boxes.map((box) => [box.value, box.nextElementSibling.textContent, box.checked]);
        write(piece, draft);
    }

    function restore(piece, pane) {
        const draft = read(piece);
        for (const [name, values] of Object.entries(draft.forms)) {
            const typed = pane.querySelector(`[data-form='${name}']`);
            if (!typed) continue;
            for (const [field, value] of values) {
                const found = typed.elements.namedItem(field);
                if (found) found.value = value;
            }
            typed.hidden = name !== draft.open;
        }
        if (namesForm(pane)) for (const [value, label, checked] of draft.names) tick(pane, value, label, checked);
    }

    // A name that was added by hand has no box on a page drawn anew.
    function tick(pane, value, label, checked) {
        const box = namesForm(pane).querySelector(`input[name=ticked][value='${CSS.escape(value)}']`);
        if (box) box.checked = checked;
        else if (checked) {
            const added = new CustomEvent("bjz-add-name", { detail: { key: value, label: label }, bubbles: true });
            namesForm(pane).querySelector("[data-names]").dispatchEvent(added);
        }
    }

    function dropForms(piece) {
        write(piece, { ...read(piece), forms: {}, open: "" });
    }

    function dropNames(piece) {
        write(piece, { ...read(piece), names: [] });
    }

    function drop(piece) {
        sessionStorage.removeItem(key(piece));
    }

    return { keepForm, keepNames, restore, dropForms, dropNames, drop };
})();
