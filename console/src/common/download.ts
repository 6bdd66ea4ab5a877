/** Tells spreadsheets that a CSV file is in UTF-8. */
const BYTE_ORDER_MARK = "\uFEFF";
const KEPT_MS = 60_000;

/** Lets the browser save a file. */
export function saveFile(content: Blob, name: string) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // Browsers read the content after the click.
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}

/** Lets the browser save CSV, which is given in parts. */
export function saveCsv(parts: string[], name: string) {
  saveFile(new Blob([BYTE_ORDER_MARK, ...parts], { type: "text/csv;charset=utf-8" }), name);
}
