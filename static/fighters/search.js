"use strict";
// Fighters as one types: under the search field of their list, and wherever a fighter is chosen.

function watchFighterFields() {
    const ADDRESS = "/api/v1/fighters/search?q=";
    const PAGE = (id) => `/admin/fighters/fighter/${id}/change/`;
    const onList = window.location.pathname.endsWith("/fighters/fighter/");
    const fields = [...document.querySelectorAll("[data-fighter-search]")];
    const listField = onList && document.querySelector("input[name='q']");
    if (listField) fields.push(listField);

    for (const field of fields) watch(field);

    function watch(field) {
        const list = document.createElement("ul");
        list.className = "bjz-hits";
        list.hidden = true;
        list.setAttribute("role", "listbox");
        field.closest("form").append(list);
        field.setAttribute("autocomplete", "off");
        const target = field.dataset.target && document.getElementById(field.dataset.target);
        let asked = 0;
        let timer = 0;

        // Name and number always mean one person: whoever types the one has not chosen the other.
        target?.addEventListener("input", () => { field.value = ""; });
        field.addEventListener("input", () => {
            if (target) target.value = "";
            window.clearTimeout(timer);
            timer = window.setTimeout(ask, 120);
        });
        field.addEventListener("keydown", (event) => {
            if (event.key === "Escape") list.hidden = true;
            if (event.key === "ArrowDown" && !list.hidden && list.querySelector("button")) {
                event.preventDefault();
                list.querySelector("button").focus();
            }
        });
        list.addEventListener("keydown", (event) => {
            const items = [...list.querySelectorAll("button")];
            const place = items.indexOf(document.activeElement);
            if (event.key === "ArrowDown" || event.key === "ArrowUp") {
                event.preventDefault();
                const next = items[place + (event.key === "ArrowDown" ? 1 : -1)];
                (next || field).focus();
            } else if (event.key === "Escape") {
                list.hidden = true;
                field.focus();
            }
        });

        async function ask() {
            const number = ++asked;
            const typed = field.value.trim().slice(0, 128);
            if (!typed) {
                list.hidden = true;
                return;
            }
            try {
                const answer = await fetch(ADDRESS + encodeURIComponent(typed), { headers: { Accept: "application/json" } });
                const body = await answer.json();
                if (number === asked && body.data) show(body.data.items.slice(0, 10));
            } catch {
                list.hidden = true;
            }
        }

        function show(hits) {
            list.replaceChildren(...hits.map(line));
            list.hidden = hits.length === 0;
        }

        function line(hit) {
            const item = document.createElement("li");
            const button = document.createElement("button");
            const about = document.createElement("span");
            button.type = "button";
            button.textContent = hit.name_zh ? `${hit.name} ${hit.name_zh}` : hit.name;
            about.className = "bjz-muted";
            about.textContent = [hit.weight_class, hit.birth_year, hit.last_bout_on].filter(Boolean).join(" · ");
            button.append(about);
            button.addEventListener("click", () => choose(hit));
            item.append(button);
            return item;
        }

        function choose(hit) {
            if (!target) return window.location.assign(PAGE(hit.id));
            target.value = hit.id;
            field.value = hit.name;
            list.hidden = true;
            target.form.querySelector("[type=submit]").focus();
        }
    }
}

// As an admin page's own script this comes before the page.
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", watchFighterFields);
else watchFighterFields();
