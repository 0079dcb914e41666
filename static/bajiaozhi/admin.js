"use strict";
// Small manners of the back-office: filters that act when chosen, dialogs that take and give back the focus.

(function () {
    const list = (event) => event.target.closest("form.bjz-toolbar");

    function withoutEmptyFields(form) {
        for (const field of form.elements) {
            if (field.name && field.value === "" && !field.hasAttribute("data-bjz-keep")) field.disabled = true;
        }
    }

    document.addEventListener("change", (event) => {
        const form = list(event);
        if (!form) return;
        if (event.target.hasAttribute("data-bjz-go")) {
            window.location.assign(event.target.value);
        } else if (event.target.hasAttribute("data-bjz-submit") && event.target.checkValidity()) {
            form.requestSubmit();
        }
    });

    document.addEventListener("submit", (event) => {
        if (list(event)) withoutEmptyFields(event.target);
    });

    // Coming back with the browser's own button: the fields must not stay switched off.
    window.addEventListener("pageshow", () => {
        for (const field of document.querySelectorAll(".bjz-toolbar :disabled[name]")) field.disabled = false;
    });

    document.addEventListener("keydown", (event) => {
        const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || event.target.isContentEditable;
        const search = document.querySelector(".bjz-search input");
        if (event.key === "/" && !typing && search) {
            event.preventDefault();
            search.focus();
        }
    });

    // --- dialogs ---------------------------------------------------------------------------------------------
    let opener = null;

    const isDialog = (target) => target && (target.id === "modal-content" || target.id === "dialog");

    document.addEventListener("htmx:beforeRequest", (event) => {
        if (event.detail.target && event.detail.target.id === "modal-content") opener = event.detail.elt;
    });

    document.addEventListener("htmx:beforeSwap", (event) => {
        const answer = event.detail.xhr;
        if (!isDialog(event.detail.target)) return;
        if (answer.status >= 400) {
            event.detail.shouldSwap = false;
            const failed = document.getElementById("bjz-failed").content.cloneNode(true);
            document.getElementById("modal-content").replaceChildren(failed);
        } else if (!answer.responseText.includes("data-bjz-dialog")) {
            // Signed out in the meantime: the answer is the sign-in page.
            event.detail.shouldSwap = false;
            window.location.reload();
        }
    });

    document.addEventListener("htmx:afterSettle", () => {
        const dialog = document.getElementById("dialog");
        if (!dialog) return;
        const first = dialog.querySelector(
            "form [name]:not([type=hidden]):not([type=submit]), form button[type=submit]"
        );
        window.setTimeout(() => first && first.focus(), 30);
    });

    document.addEventListener("click", (event) => {
        if (event.target.closest("[data-bjz-reload]")) window.location.reload();
        if (event.target.closest("[data-bjz-close]") && opener) opener.focus();
    });

    document.addEventListener("keydown", (event) => {
        const dialog = document.getElementById("dialog");
        if (!dialog || !dialog.offsetParent) return;
        if (event.key === "Escape" && opener) window.setTimeout(() => opener.focus(), 0);
        if (event.key !== "Tab") return;
        const stops = [...dialog.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea")].filter(
            (item) => !item.disabled && item.offsetParent
        );
        if (!stops.length) return;
        const edge = event.shiftKey ? stops[0] : stops[stops.length - 1];
        if (document.activeElement === edge) {
            event.preventDefault();
            (event.shiftKey ? stops[stops.length - 1] : stops[0]).focus();
        }
    });
})();

// A page about something that is under way comes anew by itself: <meta name="bjz-reload" content="seconds">.  Not for
// those who want no motion: it would take away what they read.
(() => {
    const wanted = document.querySelector("meta[name='bjz-reload']");
    if (!wanted || window.matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    window.setTimeout(() => window.location.reload(), Number(wanted.content) * 1000);
})();
