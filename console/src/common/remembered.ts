import { useState } from "react";

/** A choice that this browser remembers. The first of the choices is the one at the beginning. */
export function useRemembered<Choice extends string>(
  name: string,
  choices: readonly [Choice, ...Choice[]],
): [Choice, (choice: Choice) => void] {
  const key = `aicp.${name}`;
  const [choice, setChoice] = useState<Choice>(() => {
    const stored = localStorage.getItem(key);
    return choices.find((known) => known === stored) ?? choices[0];
  });
  const choose = (next: Choice) => {
    localStorage.setItem(key, next);
    setChoice(next);
  };
  return [choice, choose];
}
