import type { ReactNode } from "react";

interface Properties {
  /** What is in it, for those who can't see it. */
  label: string;
  /** Height in pixels above which it scrolls. */
  maxHeight?: number;
  children: ReactNode;
}

/** A part that scrolls by itself, also by the keyboard, when it is too wide or too high. */
export function ScrollBox({ label, maxHeight, children }: Properties) {
  return (
    <section aria-label={label} tabIndex={0} style={{ overflow: "auto", maxHeight }}>
      {children}
    </section>
  );
}
