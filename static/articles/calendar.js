"use strict";
// Keys of the calendar: each follows a link of the page.

(function () {
    const calendar = document.querySelector("[data-calendar]");
    if (!calendar) return;
    const LINKS = {
        ArrowLeft: "[rel=prev]",
        ArrowRight: "[rel=next]",
        t: "[data-today]",
        m: "[data-month]",
        w: "[data-week]",
    };

    document.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
        const field = event.target;
        if (field.matches("input, textarea, select, [role=dialog] *") || field.isContentEditable) return;
        const wanted = Object.hasOwn(LINKS, event.key) && calendar.querySelector(LINKS[event.key]);
        if (!wanted || document.querySelector("#modal-content [role=dialog]")?.offsetParent) return;
        event.preventDefault();
        window.location.assign(wanted.href);
    });
})();
