/** A text for those who can't see what says the same to others. */
export function HiddenText({ text }: { text: string }) {
  return <span style={{ position: "absolute", clipPath: "inset(50%)", width: 1, height: 1, overflow: "hidden" }}>{text}</span>;
}
