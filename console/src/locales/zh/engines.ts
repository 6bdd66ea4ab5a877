export default {
  title: "引擎与待发队列",
};
