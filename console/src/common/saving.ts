/** Tells spreadsheets that a CSV file is in UTF-8. */
const BYTE_ORDER_MARK = "\uFEFF";
/** Time after which the browser has taken a file over, in milliseconds. */
const TAKEN_MS = 60_000;

/** Lets the browser save CSV, which is given in parts. */
export function saveCsv(parts: string[], fileName: string) {
  const content = new Blob([BYTE_ORDER_MARK, ...parts], { type: "text/csv;charset=utf-8" });
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), TAKEN_MS);
}
