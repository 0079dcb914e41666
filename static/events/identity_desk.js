"use strict";
// The identity desk: each key presses the button or follows the link that shows it.

(function () {
    const desk = document.querySelector("[data-identity]");
    if (!desk) return;

    document.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
        if (event.target.matches("input:not([type=checkbox]), textarea, select")) return;
        const field = desk.querySelector(`[data-key-focus='${CSS.escape(event.key)}']`);
        const wanted = field || desk.querySelector(`[data-key='${CSS.escape(event.key)}']`);
        if (!wanted) return;
        event.preventDefault();
        if (field) field.focus();
        else wanted.click();
    });

    // Chosen bouts go with whichever candidate is confirmed.
    desk.addEventListener("submit", (event) => {
        if (!event.target.matches("[data-candidate]")) return;
        for (const bout of desk.querySelectorAll("[data-bout]:checked")) {
            const copy = document.createElement("input");
            copy.type = "hidden";
            copy.name = "bout";
            copy.value = bout.value;
            event.target.append(copy);
        }
    });
})();
