const slides = [...document.querySelectorAll("section")];
const root = document.documentElement;
let now = 0;

function show(number) {
  now = Math.min(Math.max(number, 0), slides.length - 1);
  slides.forEach((slide, place) => slide.classList.toggle("now", place === now));
  history.replaceState(null, "", `#${now + 1}`);
  fit(slides[now].querySelector("div"));
}

// What is too long for the screen becomes smaller, to about half; beyond that it scrolls.
function fit(body) {
  const sticksOut = () =>
    body.scrollHeight > body.clientHeight + 2 || body.scrollWidth > body.clientWidth + 2;
  body.style.fontSize = "";
  for (let size = 1.7; size > 0.9 && sticksOut(); size -= 0.05) {
    body.style.fontSize = `${size}rem`;
  }
  if (sticksOut()) body.tabIndex = 0;  // reached without a mouse
}

const steps = { ArrowRight: 1, PageDown: 1, " ": 1, ArrowLeft: -1, PageUp: -1 };

addEventListener("keydown", (event) => {
  if (event.target.closest("summary, a")) return;
  if (event.key in steps) { event.preventDefault(); show(now + steps[event.key]); }
  if (event.key === "Home") show(0);
  if (event.key === "End") show(slides.length - 1);
  if (event.key === "d") {
    const dark = getComputedStyle(root).colorScheme === "dark";
    root.classList.toggle("dark", !dark);
    root.classList.toggle("light", dark);
  }
});
addEventListener("resize", () => show(now));
addEventListener("hashchange", () => show(Number(location.hash.slice(1)) - 1 || 0));
root.classList.add("turning");
show(Number(location.hash.slice(1)) - 1 || 0);
