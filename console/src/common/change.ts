import { useMutation } from "@tanstack/react-query";
import { App } from "antd";
import { describe } from "./states";

/**
 * A change that a button makes. `run` makes it and returns its result, or `null` after it showed why it failed; `isBusy`
 * while it is under way. Afterwards everything that was read is read again.
 */
export function useChange<Input, Output>(change: (input: Input) => Promise<Output>) {
  const { message } = App.useApp();
  const { mutateAsync, isPending } = useMutation({ mutationFn: change });
  const run = async (input: Input, done?: string): Promise<{ output: Output } | null> => {
    try {
      const output = await mutateAsync(input);
      if (done) message.success(done);
      return { output };
    } catch (error) {
      const { title, advice } = describe(error);
      message.error([title, advice].filter(Boolean).join(" "));
      return null;
    }
  };
  return { run, isBusy: isPending };
}
