"use strict";
// The identity desk: each key presses the button or follows the link that shows it.  Where several pairs are shown, "j"
// and "k" go from one to the next, and at either end to the next page; the other keys are those of the pair one is at.

(function () {
    const desk = document.querySelector("[data-identity]");
    if (!desk) return;
    const PLACE = "bjz-identity-place";
    const pairs = [...desk.querySelectorAll("[data-pair]")];
    const page = new URLSearchParams(window.location.search).get("page") || "1";
    let current = pairs[0] || null;

    // After a decision the page comes back: whoever was at the fifth pair goes on with the one that is fifth now.
    const left = JSON.parse(sessionStorage.getItem(PLACE) || "null");
    sessionStorage.removeItem(PLACE);
    if (pairs.length && left?.page === page) go(pairs[Math.min(left.place, pairs.length - 1)]);

    function go(pair) {
        current?.removeAttribute("aria-current");
        current = pair;
        pair.setAttribute("aria-current", "true");
        pair.tabIndex = -1;
        pair.focus({ preventScroll: true });
        pair.scrollIntoView({ block: "nearest" });
    }

    function pairBeside(key) {
        const step = { j: 1, k: -1 }[key];
        return step && pairs[pairs.indexOf(current) + step];
    }

    document.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
        if (event.target.matches("input:not([type=checkbox]), textarea, select")) return;
        const beside = pairBeside(event.key);
        const key = CSS.escape(event.key);
        const field = desk.querySelector(`[data-key-focus='${key}']`);
        const wanted = beside || field || current?.querySelector(`[data-key='${key}']`) || desk.querySelector(`[data-key='${key}']`);
        if (!wanted) return;
        event.preventDefault();
        if (beside) go(beside);
        else if (field) field.focus();
        else wanted.click();
    });

    // Whoever clicks or tabs into a pair is there.
    desk.addEventListener("focusin", (event) => {
        const pair = event.target.closest("[data-pair]");
        if (!pair || pair === current) return;
        current?.removeAttribute("aria-current");
        current = pair;
        pair.setAttribute("aria-current", "true");
    });

    desk.addEventListener("submit", (event) => {
        const pair = event.target.closest("[data-pair]");
        if (pair) sessionStorage.setItem(PLACE, JSON.stringify({ page, place: pairs.indexOf(pair) }));
        // Chosen bouts go with whichever candidate is confirmed.
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
