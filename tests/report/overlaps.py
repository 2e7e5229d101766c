"""What a browser measures of a figure's texts: titles, legends, ticks, notes."""

# Given a selector of figures: the pairs of visible texts whose boxes intersect, and those that leave their figure.
OVERLAPS = """selector => {
  const found = [];
  for (const plot of document.querySelectorAll(selector)) {
    const frame = plot.getBoundingClientRect();
    const shown = (e) => {
      const style = getComputedStyle(e);
      return e.textContent.trim() && e.getBoundingClientRect().width > 1
        && style.fill !== "rgba(0, 0, 0, 0)" && style.fillOpacity !== "0" && style.opacity !== "0";
    };
    const texts = [...plot.querySelectorAll(".main-svg text")].filter(shown);
    const boxes = texts.map((e) => [e.textContent, e.getBoundingClientRect()]);
    boxes.forEach(([text, a], place) => {
      const across = a.left < frame.left - 1 || a.right > frame.right + 1;
      if (across || a.top < frame.top - 1 || a.bottom > frame.bottom + 1) found.push([plot.id, "outside", text]);
      for (const [other, b] of boxes.slice(place + 1)) {
        const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (width > 1 && height > 1) found.push([plot.id, text, other]);
      }
    });
  }
  return found;
}"""
