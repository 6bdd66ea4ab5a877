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
